"""All of payments' SQL: payments with their refunds, and what providers are asked to do."""
