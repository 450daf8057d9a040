"""What an immediate change of plan puts on its invoice, and the figures that it shows.

Source: semantics, choice 8; docs/subscriptions.md#proration.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from tallybook.server.invoicing.models import Line, LineKind, NewLine
from tallybook.server.kernel.money import EXACT, ZERO, plain, quantize_money
from tallybook.server.subscriptions.models import Period, Subscription
from tallybook.server.subscriptions.rules.proration import Proration

from .refunds import RefundType, refund_amount, share_left


def change_lines(
    sub: Subscription, period: Period, prepaid: Sequence[Line], *, at: datetime
) -> list[NewLine]:
    """Return a line below zero for each fee that was charged for time after the change."""
    lines = []
    for line in prepaid:
        unused = refund_amount([line], period, RefundType.PRORATED, at=at, currency=sub.currency)
        if not unused:
            continue
        lines.append(
            NewLine(
                description=f"{line.description} (unused time)",
                kind=LineKind.ADJUSTMENT,
                amount=-unused,
                source_type=line.source_type,
                source_id=line.source_id,
                contract_id=sub.contract_id,
                subscription_id=sub.id,
                period_start=at,
                period_end=period.end,
                period_number=period.number,
                pricing={
                    "contract_version": period.contract_version,
                    "price": plain(line.unit_price or line.total),
                    "share": str(share_left(period, at)),
                },
            )
        )
    return lines


def proration_of(
    back: Sequence[NewLine],
    new: Sequence[NewLine],
    used: Sequence[NewLine],
    *,
    currency: str,
) -> Proration:
    """Return the figures of a change. Holds: net = new charge + usage - refund."""
    refund = -_sum(back, currency)
    charge, usage = _sum(new, currency), _sum(used, currency)
    net = EXACT.subtract(EXACT.add(charge, usage), refund)
    return Proration(
        refund if refund else quantize_money(ZERO, currency), charge, usage, net, currency
    )


def _sum(lines: Sequence[NewLine], currency: str) -> Decimal:
    total = sum((quantize_money(line.amount or ZERO, currency) for line in lines), ZERO)
    return quantize_money(total, currency)
