"""Reads across rooms; owns no facts."""
