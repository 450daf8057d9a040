"""All of the catalog's SQL."""
