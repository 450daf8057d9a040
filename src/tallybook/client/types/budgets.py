"""Results of budgets that have no methods."""

from tallybook.client.responses import Result
from tallybook.wire import budgets as wire


class Budget(Result, wire.Budget):
    """A budget, and how much of it is spent in the period now."""
