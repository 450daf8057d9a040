"""All of subscriptions' SQL: subscriptions, their periods, their contracts."""
