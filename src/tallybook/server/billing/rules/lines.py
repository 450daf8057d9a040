"""Terms and usage in, invoice lines out. Rounding is left to the invoice."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from tallybook.server.catalog.models import ChargeTerms, ChargeType, Terms
from tallybook.server.invoicing.models import SOURCE_CHARGE, LineKind, NewLine
from tallybook.server.kernel.money import EXACT, ZERO, plain, quantize_money
from tallybook.server.kernel.periods import BillingPeriod, add_periods, period_index
from tallybook.server.rating.models import RatedUsage
from tallybook.server.rating.rules.minimum import posted_true_up
from tallybook.server.rating.rules.pipeline import rate_usage
from tallybook.server.subscriptions.models import (
    ChargeUsage,
    MeterUsage,
    Period,
    PeriodUsage,
    Subscription,
)

SOURCE_PLAN_PRICE: Final = "plan_price"
SOURCE_METER_PRICE: Final = "meter_price"
WHOLE: Final = Fraction(1)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is billed in arrears by one meter: its price, or a charge that goes by it."""

    meter_id: str
    charge_id: str | None = None


def opening_lines(
    sub: Subscription, period: Period, terms: Terms, *, is_first: bool, zone: ZoneInfo
) -> list[NewLine]:
    """Return what is billed in advance when a period opens: base fee, recurring charges.

    A period that is a part of its cycle bears that part of the fees (semantics, choice 8);
    one-time charges come whole with the first paid period. A trial bears nothing.
    """
    if period.is_trial:
        return []
    lines = []
    if terms.base_price:
        lines.append(
            NewLine(
                description=terms.plan_name,
                kind=LineKind.BASE_FEE,
                unit_price=terms.base_price,
                amount=part_of(terms.base_price, period.share),
                source_type=SOURCE_PLAN_PRICE,
                source_id=terms.plan_price_id,
                pricing=_fee(period, terms.base_price, terms.base_price_source.value),
                **_facts(sub, period),
            )
        )
    for charge in terms.charges:
        share = _share_of_charge(sub, period, charge, terms, is_first=is_first, zone=zone)
        if share is not None:
            lines.append(
                NewLine(
                    description=charge.name,
                    kind=LineKind.CHARGE,
                    unit_price=charge.amount,
                    amount=part_of(charge.amount, share),
                    source_type=SOURCE_CHARGE,
                    source_id=charge.id,
                    pricing=_fee(period, charge.amount, "plan"),
                    **_facts(sub, period),
                )
            )
    return lines


def part_of(price: Decimal, share: Fraction) -> Decimal | Fraction:
    """Return the exact part of a price; multiply first, round once, later."""
    return price if share == 1 else Fraction(price) * share


def usage_lines(
    sub: Subscription, period: Period, usage: PeriodUsage
) -> dict[Subject, list[NewLine]]:
    """Return what is billed in arrears for a closed period: usage, true-ups, metered charges.

    Every priced meter and metered charge has its entry, empty where nothing is owed. What ends
    as it begins bills nothing, flat fees neither.
    Errors: UncoveredQuantity (past the last bound of a price); InvalidQuantity.
    """
    lines: dict[Subject, list[NewLine]] = {}
    if period.is_trial or period.end <= period.start:
        return lines
    for metered in usage.meters:
        rated = rate_usage(metered.terms.shape, metered.windows, part_of_period=period.share)
        lines[Subject(metered.terms.meter_id)] = _usage_of(sub, period, metered, rated)
    for charged in usage.charges:
        subject = Subject(charged.charge.meter_id or "", charged.charge.id)
        lines[subject] = [_charge_of(sub, period, charged)] if charged.quantity else []
    return lines


def adjustment_lines(
    sub: Subscription,
    period: Period,
    usage: PeriodUsage,
    *,
    billed: Mapping[Subject, Decimal],
    currency: str,
    corrects_invoice_id: str | None,
) -> list[NewLine]:
    """Return what late or voided usage changes about a period that is invoiced already.

    The period is rated whole again; `rounded(total) − already billed` is the line.
    Source: semantics, choice 13.
    """
    names = {Subject(m.terms.meter_id): _name(m) for m in usage.meters}
    versions = {m.terms.meter_id: m.counter_version for m in usage.meters} | {
        c.charge.meter_id or "": c.counter_version for c in usage.charges
    }
    adjustments = []
    for subject, lines in usage_lines(sub, period, usage).items():
        total = sum((quantize_money(line.amount or ZERO, currency) for line in lines), ZERO)
        before = billed.get(subject, ZERO)
        if total == before:
            continue
        shown = lines[0] if lines else None
        adjustments.append(
            NewLine(
                description=f"{shown.description if shown else names.get(subject, 'usage')}"
                " (late or voided usage)",
                kind=LineKind.ADJUSTMENT,
                amount=EXACT.subtract(total, before),
                source_type=SOURCE_CHARGE if subject.charge_id else SOURCE_METER_PRICE,
                source_id=subject.charge_id or (shown.source_id if shown else None),
                meter_id=subject.meter_id,
                late=True,
                corrects_invoice_id=corrects_invoice_id,
                pricing={
                    "counter_version": versions[subject.meter_id],
                    "rated_again": [dict(line.pricing) for line in lines],
                    "total": plain(total),
                    "billed_before": plain(before),
                },
                **_facts(sub, period),
            )
        )
    return adjustments


def _facts(sub: Subscription, period: Period) -> dict[str, Any]:
    return {
        "contract_id": sub.contract_id,
        "subscription_id": sub.id,
        "period_start": period.start,
        "period_end": period.end,
        "period_number": period.number,
    }


def _fee(period: Period, price: Decimal, source: str) -> dict[str, Any]:
    return {
        "contract_version": period.contract_version,
        "price": plain(price),
        "source": source,
        "share": str(period.share),
    }


def _share_of_charge(
    sub: Subscription,
    period: Period,
    charge: ChargeTerms,
    terms: Terms,
    *,
    is_first: bool,
    zone: ZoneInfo,
) -> Fraction | None:
    """Return which part of a charge a period's opening bears, None for nothing of it."""
    if charge.charge_type is ChargeType.ONE_TIME:
        return WHOLE if is_first else None
    if charge.charge_type is not ChargeType.RECURRING:
        return None
    longer = charge.billing_period
    if longer is None or longer is terms.billing_period:
        return period.share
    return WHOLE if is_first or _begins_cycle(sub, period, longer, zone) else None


def _begins_cycle(sub: Subscription, period: Period, cycle: BillingPeriod, zone: ZoneInfo) -> bool:
    assert sub.anchor is not None
    index = period_index(sub.anchor, cycle, period.start, zone)
    return add_periods(sub.anchor, cycle, index, zone) == period.start


def _name(metered: MeterUsage) -> str:
    return metered.terms.unit_label or metered.terms.meter_key


def _usage_of(
    sub: Subscription, period: Period, metered: MeterUsage, rated: RatedUsage
) -> list[NewLine]:
    terms, lines = metered.terms, []
    common: dict[str, Any] = {
        "source_type": SOURCE_METER_PRICE,
        "source_id": terms.meter_price_id,
        "meter_id": terms.meter_id,
        "pricing_model": terms.shape.pricing_model.value,
        "pricing": {
            "contract_version": period.contract_version,
            "source": terms.source.value,
            "aggregation": terms.aggregation.value,
            "counter_version": metered.counter_version,
            "shape": terms.shape.to_json(),
            "rated": rated.to_json(),
        },
        **_facts(sub, period),
    }
    if rated.quantity or rated.amount:
        tiers = [piece.tier for piece in rated.slices if piece.tier is not None]
        lines.append(
            NewLine(
                description=_name(metered),
                kind=LineKind.USAGE,
                quantity=rated.quantity,
                unit_price=terms.shape.unit_price,
                amount=rated.amount,
                included_units_used=rated.included_units_used,
                billable_units=rated.billable_units,
                tier_number=tiers[-1] if tiers else None,
                **common,
            )
        )
    true_up = posted_true_up(rated, currency=sub.currency)
    if true_up:
        lines.append(
            NewLine(
                description=f"{_name(metered)}: minimum commitment",
                kind=LineKind.TRUE_UP,
                amount=true_up,
                **common,
            )
        )
    return lines


def _charge_of(sub: Subscription, period: Period, charged: ChargeUsage) -> NewLine:
    charge = charged.charge
    return NewLine(
        description=charge.name,
        kind=LineKind.CHARGE,
        quantity=charged.quantity,
        unit_price=charge.amount,
        source_type=SOURCE_CHARGE,
        source_id=charge.id,
        meter_id=charge.meter_id,
        pricing={
            "contract_version": period.contract_version,
            "source": "plan",
            "price": plain(charge.amount),
            "quantity": plain(charged.quantity),
            "counter_version": charged.counter_version,
        },
        amount=EXACT.multiply(charge.amount, charged.quantity),
        **_facts(sub, period),
    )
