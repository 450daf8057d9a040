"""Pure decisions on access."""
