"""What a period's usage comes to."""

from collections.abc import Collection
from decimal import Decimal

from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.rating.errors import UncoveredQuantity
from tallybook.server.rating.rules.pipeline import rate_usage
from tallybook.server.subscriptions.models import PeriodUsage


def charge_of(usage: PeriodUsage, meter_ids: Collection[str]) -> Decimal:
    """Return what the usage of these meters comes to, without fees and minimums.

    Usage that its price does not cover brings nothing until that is mended.
    Units: major units of the terms' currency, not rounded.
    """
    amount = ZERO
    for metered in usage.meters:
        if metered.terms.meter_id not in meter_ids:
            continue
        try:
            rated = rate_usage(metered.terms.shape, metered.windows).amount
        except UncoveredQuantity:
            continue
        amount = EXACT.add(amount, rated)
    for charged in usage.charges:
        if charged.charge.meter_id in meter_ids:
            brought = EXACT.multiply(charged.charge.amount, charged.quantity)
            amount = EXACT.add(amount, brought)
    return amount
