"""Who is told, and whether they heard: endpoints, deliveries, the feed."""
