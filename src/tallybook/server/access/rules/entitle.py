"""Which subscription gives a feature, on which terms, and where its usage counts.

Source: semantics, choices 7, 21 and 31.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from tallybook.server.access.models import Entitlement
from tallybook.server.catalog.models import ChargeTerms, MeterTerms
from tallybook.server.ingest.rules.lanes import Place, place_of
from tallybook.server.ingest.rules.quota import quota_of
from tallybook.server.metering.models import PERIOD_WINDOW, Aggregation, CounterKey
from tallybook.server.subscriptions.models import Timeline, TimelinePeriod

from .standing import OPEN_END, hindrance_of


def find_entitlement(
    lines: Sequence[Timeline],
    feature: str,
    at: datetime,
    zone: ZoneInfo,
    *,
    subscription_id: str | None = None,
) -> Entitlement | None:
    """Return what a customer has of a feature: a meter's key or id, or a boolean feature.

    Holds: of a metered feature it is the subscription that its usage counts for.
    """
    meter_id = _meter_named(lines, feature, at)
    if meter_id is not None:
        place = place_of(lines, meter_id, at, subscription_id=subscription_id)
        return None if place is None else _metered(place, meter_id, at, zone)
    return _boolean(lines, feature, at, subscription_id=subscription_id)


def list_entitlements(lines: Sequence[Timeline], at: datetime, zone: ZoneInfo) -> list[Entitlement]:
    """Return all that a customer has at a time, in the order of the features' names."""
    names: set[str] = set()
    meter_ids: set[str] = set()
    for _, period in _running(lines, at):
        names.update(period.terms.features)
        meter_ids.update(meter_id for meter_id, _ in _meters(period))
    found = [find_entitlement(lines, meter_id, at, zone) for meter_id in sorted(meter_ids)]
    taken = {entitlement.feature for entitlement in found if entitlement is not None}
    found += [_boolean(lines, name, at, subscription_id=None) for name in sorted(names - taken)]
    return sorted(
        (entitlement for entitlement in found if entitlement is not None),
        key=lambda entitlement: entitlement.feature,
    )


def reset_of(entitlement: Entitlement | None) -> datetime | None:
    """Return when the quota is granted anew; None: never, or it is not known yet."""
    if entitlement is None or entitlement.quota is None:
        return None
    reset_at = entitlement.quota.reset_at
    return None if reset_at == OPEN_END else reset_at


def _running(lines: Sequence[Timeline], at: datetime) -> Iterator[tuple[Timeline, TimelinePeriod]]:
    for line in sorted(lines, key=lambda line: (line.started_at, line.id)):
        period = line.find_period(at)
        if period is not None:
            yield line, period


def _meters(period: TimelinePeriod) -> Iterator[tuple[str, str]]:
    """The id and key of each meter that the terms of a period go by."""
    for meter in period.terms.meters:
        yield meter.meter_id, meter.meter_key
    for charge in period.terms.charges:
        if charge.meter_id is not None and charge.meter_key is not None:
            yield charge.meter_id, charge.meter_key


def _meter_named(lines: Sequence[Timeline], feature: str, at: datetime) -> str | None:
    for _, period in _running(lines, at):
        for meter_id, key in _meters(period):
            if feature in (meter_id, key):
                return meter_id
    return None


def _metered(place: Place, meter_id: str, at: datetime, zone: ZoneInfo) -> Entitlement:
    counter = CounterKey(place.timeline.id, meter_id, PERIOD_WINDOW, place.period.start)
    paying = place.paying
    if paying is None:
        charge = _charge_by(place.period, meter_id)
        return Entitlement(
            feature=charge.meter_key or meter_id,
            timeline=place.timeline,
            period=place.period,
            meter_id=meter_id,
            aggregation=charge.meter_aggregation or Aggregation.COUNT,
            counter=counter,
        )
    terms: MeterTerms = paying.meter
    return Entitlement(
        feature=terms.meter_key,
        timeline=place.timeline,
        period=place.period,
        meter_id=meter_id,
        aggregation=terms.aggregation,
        value_field=terms.value_field,
        included_units=paying.included_units,
        overage=terms.shape.overage,
        counter=counter,
        quota=quota_of(paying, counter, at, zone),
    )


def _charge_by(period: TimelinePeriod, meter_id: str) -> ChargeTerms:
    return next(charge for charge in period.terms.charges if charge.meter_id == meter_id)


def _boolean(
    lines: Sequence[Timeline], feature: str, at: datetime, *, subscription_id: str | None
) -> Entitlement | None:
    """The earliest started subscription with the feature, one that gives access before others."""
    having = [
        Entitlement(feature, line, period)
        for line, period in _running(lines, at)
        if feature in period.terms.features and subscription_id in (None, line.id)
    ]
    giving = [one for one in having if hindrance_of(one.timeline) is None]
    return next(iter(giving or having), None)
