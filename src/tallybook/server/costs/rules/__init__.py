"""Pure rules of costs."""
