"""All of invoicing's SQL, a file a table and its parts."""
