"""States, periods, proration, and which subscription pays for what."""
