"""Who may do what, as far as it is known here: answers without a network."""

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from tallybook.client.webhooks.updates import WebhookUpdate
from tallybook.wire.access import CustomerState, Entitlement

_FORMAT: Final = 1
_OVER: Final = {"bill": "overage", "free": "free_overage"}
_ENDLESS: Final = Decimal("Infinity")


class LocalDecision(NamedTuple):
    """Whether a quantity may be used, by what is known here. `as_of`: when the server said so."""

    allowed: bool
    reason: str
    as_of: datetime

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(slots=True)
class _Feature:
    """`left`: how many units can still be used as `within` says; past it, `beyond`."""

    left: Decimal
    within: LocalDecision
    beyond: LocalDecision


@dataclass(slots=True)
class KnownCustomer:
    """What is known of one customer."""

    id: str
    external_id: str | None
    as_of: datetime
    features: dict[str, _Feature] = field(default_factory=dict)
    blocked: LocalDecision | None = None  # from everything, whatever its features say
    entitlements: list[Entitlement] = field(default_factory=list)

    def decide(self, feature: str, quantity: int | Decimal) -> LocalDecision:
        if self.blocked is not None:
            return self.blocked
        known = self.features.get(feature)
        if known is None:
            return LocalDecision(False, "feature_not_in_plan", self.as_of)
        return known.within if quantity <= known.left else known.beyond


class Known:
    """All customers that are known, under either of their names."""

    def __init__(self) -> None:
        self.customers: dict[str, KnownCustomer] = {}
        self.dirty: set[str] = set()  # ids whose state must be asked for anew

    def find(self, name: str) -> KnownCustomer | None:
        return self.customers.get(name)

    def learn(self, state: CustomerState) -> KnownCustomer:
        """Take over what the server says of a customer."""
        customer = state.customer
        return self._learn(customer.id, customer.external_id, state.as_of, state.entitlements)

    def _learn(
        self,
        customer_id: str,
        external_id: str | None,
        as_of: datetime,
        entitlements: Iterable[Entitlement],
    ) -> KnownCustomer:
        made = KnownCustomer(customer_id, external_id, as_of, entitlements=list(entitlements))
        for one in made.entitlements:
            known = _feature(one, as_of)
            made.features[one.feature] = known
            if one.meter_id is not None:
                made.features[one.meter_id] = known
        self.customers[customer_id] = made
        if external_id is not None:
            self.customers[external_id] = made
        self.dirty.discard(customer_id)
        return made

    def forget(self, customer_id: str) -> None:
        gone = self.customers.pop(customer_id, None)
        if gone is not None and gone.external_id is not None:
            self.customers.pop(gone.external_id, None)
        self.dirty.discard(customer_id)

    def apply(self, update: WebhookUpdate, at: datetime) -> bool:
        """Act on an event; return whether its customer is one that is known here."""
        named = (update.customer_id, update.customer_external_id)
        found = next((self.customers[name] for name in named if name in self.customers), None)
        if found is None or update.action == "none":
            return found is not None
        if update.action == "block_access":
            denied = LocalDecision(False, update.reason or "access_blocked", at)
            if update.feature is None:
                found.blocked = denied
            elif update.feature in found.features:
                known = found.features[update.feature]
                known.left, known.within, known.beyond = Decimal(-1), denied, denied
        if update.action == "allow_access" and update.feature is None:
            found.blocked = None
        self.dirty.add(found.id)
        return True


def _feature(one: Entitlement, as_of: datetime) -> _Feature:
    given = LocalDecision(one.allowed, one.reason, as_of)
    if not one.allowed or one.remaining is None:
        return _Feature(_ENDLESS, given, given)
    reason = _OVER.get(str(one.overage))
    beyond = LocalDecision(reason is not None, reason or "limit_reached", as_of)
    return _Feature(one.remaining, given, beyond)


def write_snapshot(path: Path, known: Known, *, cursor: str | None, api_key: str) -> None:
    """Write what is known, signed: whoever can write the file cannot give access with it."""
    customers = {
        one.id: {
            "external_id": one.external_id,
            "as_of": one.as_of.isoformat(),
            "blocked": None if one.blocked is None else one.blocked.reason,
            "entitlements": [item.model_dump(mode="json") for item in one.entitlements],
            "dirty": one.id in known.dirty,
        }
        for one in known.customers.values()
    }
    body = json.dumps({"format": _FORMAT, "cursor": cursor, "customers": customers}).encode()
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.write_bytes(_sign(body, api_key) + b"\n" + body)
    draft.replace(path)


def read_snapshot(path: Path, *, api_key: str) -> tuple[Known, str | None] | None:
    """Return what a snapshot knows, and where the feed goes on; None: none that can be trusted."""
    try:
        signature, _, body = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    if not hmac.compare_digest(signature, _sign(body, api_key)):
        return None
    stored: Mapping[str, Any] = json.loads(body)
    if stored["format"] != _FORMAT:
        return None
    known = Known()
    for customer_id, one in stored["customers"].items():
        as_of = datetime.fromisoformat(one["as_of"])
        entitlements = [Entitlement.model_validate(item) for item in one["entitlements"]]
        made = known._learn(customer_id, one["external_id"], as_of, entitlements)
        if one["blocked"] is not None:
            made.blocked = LocalDecision(False, one["blocked"], as_of)
        if one["dirty"]:
            known.dirty.add(customer_id)
    return known, stored["cursor"]


def _sign(body: bytes, api_key: str) -> bytes:
    key = hashlib.sha256(b"tallybook access cache " + api_key.encode()).digest()
    return hmac.new(key, body, "sha256").hexdigest().encode()
