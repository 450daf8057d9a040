"""The margin over HTTP."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from tallybook.server.kernel.errors import FieldError, InvalidInput
from tallybook.server.kernel.money import plain
from tallybook.server.kernel.periods import Span
from tallybook.server.reports import margins
from tallybook.server.reports.margins import Basis, Group, Report, Sums, to_amount
from tallybook.server.storage import Tx
from tallybook.wire import costs as wire
from tallybook.wire.base import DayOrInstant

from .bodies import StrictRoute
from .calls import Read
from .costs import span_of

router = APIRouter(tags=["costs"], route_class=StrictRoute)
_PLACES = Decimal("0.01")


@router.get("/margins", response_model=wire.MarginReport, operation_id="margins.report")
def report(
    read: Read,
    group_by: Group,
    start: Annotated[DayOrInstant, Query()],
    end: Annotated[DayOrInstant, Query()],
    basis: Basis = "accrued",
) -> Response:
    """Return revenue, cost by category and margin of [start, end), by group and currency.

    `accrued`: what the time brought, invoiced or not; `invoiced`: what was invoiced in it.
    """
    span = span_of(read, start, end)
    assert span is not None
    if group_by == "day" and span.end - span.start > timedelta(days=margins.DAYS_MAX):
        detail = f"at most {margins.DAYS_MAX} days where grouped by day"
        raise InvalidInput(errors=[FieldError("?end", "invalid", detail)])

    def work(tx: Tx) -> wire.MarginReport:
        made = margins.report(tx, read.where, span, group_by, basis)
        return _shown(made, span, group_by, basis)

    return read(work)


def _shown(made: Report, span: Span, group_by: Group, basis: Basis) -> wire.MarginReport:
    lines = [
        _line(currency, sums, _group(made, group_by, key), **_value(made, group_by, key))
        for (currency, key), sums in sorted(
            made.groups.items(), key=lambda item: (item[0][0], item[0][1] or "~")
        )
    ]
    return wire.MarginReport(
        start=span.start,
        end=span.end,
        group_by=group_by,
        basis=basis,
        lines=lines,
        totals=[_line(currency, sums, {}) for currency, sums in sorted(made.totals.items())],
        unattributed_cost={name: to_amount(sum_) for name, sum_ in made.unattributed.items()},
        unpriced_costs=made.unpriced,
    )


def _group(made: Report, group_by: Group, key: str | None) -> dict[str, Any]:
    if group_by == "day":
        return {"day": key}
    return {f"{group_by}_id": key, "name": None if key is None else made.names.get(key)}


def _value(made: Report, group_by: Group, key: str | None) -> dict[str, Any]:
    """Return what the work of an action is worth, by its value metrics."""
    action = made.actions.get(key or "") if group_by == "action" else None
    if action is None:
        return {}
    quantity = made.quantities.get(action.id, Decimal(0))
    value = {
        name: plain(to_amount(Fraction(each) * Fraction(quantity)))
        for name, each in (
            ("fte", action.value.fte_equivalent),
            ("delivered_value", action.value.revenue_per_unit),
        )
        if each is not None
    }
    return {"quantity": quantity, "value": value or None}


def _line(currency: str, sums: Sums, group: dict[str, Any], **more: Any) -> wire.MarginLine:
    cost = sum(sums.cost.values(), Fraction(0))
    margin = sums.revenue - cost
    percent = None
    if sums.revenue:
        percent = to_amount(margin / sums.revenue * 100).quantize(_PLACES)
    return wire.MarginLine(
        group=group,
        currency=currency,
        revenue=to_amount(sums.revenue),
        cost=to_amount(cost),
        cost_by_category={name: to_amount(part) for name, part in sorted(sums.cost.items())},
        margin=to_amount(margin),
        margin_percent=percent,
        is_under_water=margin < 0,
        unpriced_costs=sums.unpriced,
        **more,
    )
