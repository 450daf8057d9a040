"""Who sells: what a business says of itself on its documents."""
