"""The command line: serve, migrate, doctor, and what an operator does."""
