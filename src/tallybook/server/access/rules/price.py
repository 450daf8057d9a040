"""What a customer's usage comes to that was not invoiced yet, with the quantity asked for.

Source: semantics, choice 5; docs/access.md#wallets.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from tallybook.server.access.models import Ask, Unbilled
from tallybook.server.catalog.models import ChargeType
from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.rating.errors import UncoveredQuantity
from tallybook.server.rating.models import RECURRING_WINDOWS, WindowUsage
from tallybook.server.rating.rules.pipeline import rate_usage
from tallybook.server.subscriptions.models import ChargeUsage, MeterUsage


def price_of(unbilled: Sequence[Unbilled], ask: Ask | None, currency: str) -> Decimal:
    """Return the price of all usage in a currency, that of the quantity asked for among it.

    Fees, minimums and taxes are not in it; usage that its price does not cover neither.
    Units: major units of the currency, not rounded.
    """
    price = ZERO
    for part in unbilled:
        if part.currency != currency:
            continue
        mine = ask if ask is not None and ask.is_in(part) else None
        for metered in part.usage.meters:
            price = EXACT.add(price, _metered(metered, mine))
        for charged in part.usage.charges:
            price = EXACT.add(price, _charged(charged, mine))
    return price


def _metered(metered: MeterUsage, ask: Ask | None) -> Decimal:
    windows = metered.windows
    if ask is not None and ask.meter_id == metered.terms.meter_id:
        windows = _asked(metered, ask)
    try:
        return rate_usage(metered.terms.shape, windows).amount
    except UncoveredQuantity:
        return ZERO


def _asked(metered: MeterUsage, ask: Ask) -> tuple[WindowUsage, ...]:
    """Return the usage by window as it would be; the window now is the last, if it has begun."""
    windows = metered.windows
    recurs = metered.terms.shape.event_quota_window in RECURRING_WINDOWS
    if windows and (ask.is_begun or not recurs):
        return (*windows[:-1], replace(windows[-1], quantity=ask.figure))
    return (*windows, WindowUsage(ask.figure, included_units=ask.included_units))


def _charged(charged: ChargeUsage, ask: Ask | None) -> Decimal:
    quantity = charged.quantity
    if ask is not None and ask.meter_id == charged.charge.meter_id:
        is_seats = charged.charge.charge_type is ChargeType.SEAT_BASED
        quantity = max(quantity, ask.figure) if is_seats else ask.figure
    return EXACT.multiply(charged.charge.amount, quantity)
