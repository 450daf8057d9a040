"""Costs, for those who look at them."""

from tallybook.server.costs.store.costs import count_unpriced_models, from_row, list_page, scan

__all__ = ["count_unpriced_models", "from_row", "list_page", "scan"]
