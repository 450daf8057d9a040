"""Negotiated terms of a body, as facts."""

from collections.abc import Sequence
from typing import Any

from tallybook.server.catalog.models import MeterOverride
from tallybook.server.rating.rules.tiers import TierBounds
from tallybook.server.subscriptions.models import Negotiated
from tallybook.wire import contracts as wire


def negotiated(terms: wire.ContractTerms | None) -> Negotiated:
    if terms is None:
        return Negotiated()
    return Negotiated(
        base_price=terms.base_price,
        meter_overrides=overrides(terms.meter_overrides),
        notes=terms.notes,
    )


def overrides(given: Sequence[wire.MeterOverride] | None) -> tuple[MeterOverride, ...]:
    return tuple(MeterOverride(override.meter, _changes(override)) for override in given or ())


def _changes(override: wire.MeterOverride) -> dict[str, Any]:
    changes = override.shape_terms()
    if changes.get("tiers") is not None:
        changes["tiers"] = tuple(
            TierBounds(
                order=tier.order,
                start_unit=tier.start_unit,
                end_unit=tier.end_unit,
                unit_price=tier.unit_price,
                flat_fee=tier.flat_fee,
            )
            for tier in changes["tiers"]
        )
    return changes
