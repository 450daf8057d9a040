"""Every decision of the catalog, as pure functions."""
