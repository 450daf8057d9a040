"""What a contract's state is, and what an edit of it changes."""

from collections.abc import Mapping
from typing import Any, Final

from tallybook.server.subscriptions.models import Status, Subscription

SUPERSEDED: Final = "superseded"
PRICING: Final = frozenset({"base_price", "meter_overrides", "billing_period", "notes"})
"""Edits of these make the next version of a contract that is signed."""
ONLY_IN_DRAFT: Final = frozenset({"currency", "start_date"})


def status_of(sub: Subscription, version: int) -> str:
    """Return the status of a version of a contract, as the subscription's state has it."""
    return SUPERSEDED if version < sub.contract_version else sub.status.value


def changes_pricing(changes: Mapping[str, Any]) -> bool:
    return not PRICING.isdisjoint(changes)


def frozen_fields(sub: Subscription, changes: Mapping[str, Any]) -> list[str]:
    """Return which of the fields to change may be changed no more."""
    if sub.status is Status.DRAFT:
        return []
    return sorted(ONLY_IN_DRAFT.intersection(changes))
