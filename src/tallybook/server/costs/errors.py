"""How costs says no."""

from tallybook.server.kernel.errors import Conflict, InvalidInput, NotFound


class CostNotFound(NotFound):
    """There is no such cost."""

    code = "cost_not_found"


class CostMeterExpected(InvalidInput):
    """{meter} is not a cost meter."""

    code = "cost_meter_expected"
    field = "/meter"


class PricesOverlap(Conflict):
    """The model has a price of yours for a part of that time already: it begins at {begins}."""

    code = "model_price_overlaps"


class BudgetNotFound(NotFound):
    """There is no such budget."""

    code = "budget_not_found"
