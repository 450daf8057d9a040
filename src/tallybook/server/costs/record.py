"""Cost rows in, each once; and what becomes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from tallybook.server.identity.models import Space
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.kernel.periods import Span
from tallybook.server.metering.models import CostCategory
from tallybook.server.storage import Tx

from . import book, spending
from .errors import CostNotFound
from .models import (
    COST_PREFIX,
    USD,
    Attribution,
    Cost,
    ModelUse,
    Priced,
    Source,
    Status,
)
from .rules.derive import Draft
from .rules.providers import known_as
from .store import costs as store

BATCH_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Place:
    """Whose cost it is, and when it arose."""

    at: datetime
    received_at: datetime
    customer_id: str | None = None
    customer_external_id: str | None = None
    agent_id: str | None = None
    action_id: str | None = None
    attribution: Attribution | None = None  # None: explicit where anybody is named

    @property
    def told(self) -> Attribution:
        if self.attribution is not None:
            return self.attribution
        is_named = self.customer_id or self.customer_external_id or self.agent_id
        return Attribution.EXPLICIT if is_named else Attribution.NONE


def response_key_of(provider: str | None, response_id: str | None) -> str | None:
    """Return under what one call of a provider is counted once, whichever way it comes in."""
    if provider is None or response_id is None:
        return None
    return f"{known_as(provider)} {response_id}"


def make(
    tx: Tx,
    space: SpaceId,
    key: str,
    place: Place,
    *,
    amount: Decimal | None = None,
    currency: str = USD,
    source: Source = Source.DIRECT,
    category: CostCategory | None = None,
    meter_id: str | None = None,
    use: ModelUse | None = None,
    reason: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Cost:
    """Return a cost row that is not stored yet; without an amount the price book has its say."""
    price: Mapping[str, Any] | None = None
    if amount is None and reason is None:
        found = "no_amount" if use is None else book.price_of(tx, space, use, place.at)
        if isinstance(found, Priced):
            amount, price, currency = found.amount, found.price, USD
            source = Source.PRICE_BOOK
        else:
            reason, source = found, Source.PRICE_BOOK
    default = CostCategory.OTHER if use is None else CostCategory.LLM
    return Cost(
        id=new_id(COST_PREFIX),
        key=key,
        response_key=None if use is None else response_key_of(use.provider, use.response_id),
        at=place.at,
        received_at=place.received_at,
        customer_id=place.customer_id,
        customer_external_id=place.customer_external_id,
        agent_id=place.agent_id,
        action_id=place.action_id,
        meter_id=meter_id,
        event_id=None,
        amount=amount,
        currency=currency,
        category=category or default,
        source=source,
        status=Status.UNPRICED if amount is None else Status.PRICED,
        reason=reason,
        attribution=place.told,
        provider=None if use is None else known_as(use.provider),
        model=None if use is None else use.model,
        response_id=None if use is None else use.response_id,
        tokens=None if use is None else use.tokens,
        price=price,
        metadata=metadata or {},
    )


def record(tx: Tx, space: Space, made: Sequence[Cost], *, now: datetime) -> list[tuple[Cost, bool]]:
    """Store costs; return each as it is stored, and whether it is new.

    Holds: of all costs with one key, or of one response of a provider, the first is stored.
    """
    stored = _add(tx, space, made, now)
    known = [cost for cost in made if cost.id not in stored]
    first = store.find_same(tx, space.id, known) if known else {}
    return [(first.get(cost.id, cost), cost.id in stored) for cost in made]


def _add(tx: Tx, space: Space, made: Sequence[Cost], now: datetime) -> set[str]:
    stored = store.insert_new(tx, space.id, made)
    spending.count(tx, space, [(None, cost) for cost in made if cost.id in stored], now)
    return stored


def record_of_events(
    tx: Tx,
    space: Space,
    drafted: Sequence[tuple[str, Place, Sequence[Draft]]],
    *,
    now: datetime,
) -> None:
    """Store what events cost, with the events: (event id, whose, what)."""
    made = [
        _of_event(event_id, number, place, draft)
        for event_id, place, drafts in drafted
        for number, draft in enumerate(drafts)
    ]
    if made:
        _add(tx, space, made, now)


def _of_event(event_id: str, number: int, place: Place, draft: Draft) -> Cost:
    return Cost(
        id=new_id(COST_PREFIX),
        key=f"event {event_id} {number}",
        response_key=None,
        at=place.at,
        received_at=place.received_at,
        customer_id=place.customer_id,
        customer_external_id=place.customer_external_id,
        agent_id=place.agent_id,
        action_id=draft.action_id,
        meter_id=draft.meter_id,
        event_id=event_id,
        amount=draft.amount,
        currency=draft.currency,
        category=draft.category,
        source=draft.source,
        status=Status.UNPRICED if draft.amount is None else Status.PRICED,
        reason=draft.reason,
        attribution=place.told,
        price=draft.price,
    )


def place_of_event(
    tx: Tx,
    space: Space,
    event_id: str,
    place: Place,
    drafts: Sequence[Draft],
    *,
    now: datetime,
) -> None:
    """Attribute the costs of an event that was matched at last; derive them if it had none."""
    known = store.of_event(tx, space.id, event_id)
    if not known:
        record_of_events(tx, space, [(event_id, place, drafts)], now=now)
        return
    _change(
        tx,
        space,
        [*known, *store.adjusting(tx, space.id, [cost.id for cost in known])],
        now,
        customer_id=place.customer_id,
        customer_external_id=None,
        agent_id=place.agent_id,
        attribution=place.told,
    )


def _change(tx: Tx, space: Space, known: Sequence[Cost], now: datetime, **fields: Any) -> None:
    """Set fields of rows, and let budgets see it."""
    if not known:
        return
    values = {
        name: value.value if isinstance(value, StrEnum) else value for name, value in fields.items()
    }
    store.set_fields(tx, space.id, [cost.id for cost in known], **values)
    spending.count(tx, space, [(cost, replace(cost, **fields)) for cost in known], now)


def having_children(tx: Tx, space: SpaceId, keys: Sequence[str]) -> set[str]:
    """Return the keys of spans that are known to enclose a call that is counted."""
    return store.find_parents(tx, space, keys)


def note_parents(tx: Tx, space: SpaceId, seen_again: Sequence[tuple[Cost, Cost]]) -> None:
    """Note, with (stored, seen again), which span encloses a call that came in another way."""
    for stored, again in seen_again:
        if stored.parent_key is None and again.parent_key is not None:
            store.set_fields(tx, space, [stored.id], parent_key=again.parent_key)


def void_keys(tx: Tx, space: Space, keys: Sequence[str], *, now: datetime) -> int:
    """Void the costs with these keys, where they count still; return how many."""
    known = store.find_counted(tx, space.id, keys)
    _void(tx, space, known, now, reason="encloses_another")
    return len(known)


def void_of_event(tx: Tx, space: Space, event_id: str, *, now: datetime) -> None:
    """Take the costs of a voided event out of every sum."""
    _void(tx, space, store.of_event(tx, space.id, event_id), now)


def _void(tx: Tx, space: Space, known: Sequence[Cost], now: datetime, **fields: Any) -> None:
    """Void rows, and those that correct them: what they correct is gone."""
    if known:
        corrections = store.adjusting(tx, space.id, [cost.id for cost in known])
        _change(tx, space, [*known, *corrections], now, status=Status.VOIDED, **fields)


def get(tx: Tx, space: SpaceId, cost_id: str) -> Cost:
    """Errors: CostNotFound."""
    found = store.find(tx, space, cost_id)
    if found is None:
        raise CostNotFound(cost_id=cost_id)
    return found


def adjust(
    tx: Tx,
    space: Space,
    cost: Cost,
    key: str,
    amount: Decimal,
    *,
    at: datetime,
    now: datetime,
    price: Mapping[str, Any] | None = None,
    reason: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> tuple[Cost, bool]:
    """Add a row that corrects an earlier one by an amount, below 0 too. It stands at its time."""
    made = replace(
        cost,
        id=new_id(COST_PREFIX),
        key=key,
        response_key=None,
        received_at=at,
        event_id=None,
        amount=amount,
        source=Source.ADJUSTMENT,
        status=Status.PRICED,
        reason=reason,
        adjusts=cost.id,
        parent_key=None,
        tokens=None,
        price=price,
        metadata=metadata or {},
    )
    stored, is_new = record(tx, space, [made], now=now)[0]
    if is_new and cost.status is Status.UNPRICED:
        store.set_fields(tx, space.id, [cost.id], status=Status.REPRICED.value)
    return stored, is_new


@dataclass(frozen=True, slots=True)
class Repriced:
    """What repricing a span did, or would do."""

    looked_at: int
    adjusted: int
    unpriced: int  # still
    difference: Decimal  # in USD


def reprice(
    tx: Tx,
    space: Space,
    span: Span,
    *,
    provider: str | None,
    model: str | None,
    at: datetime,
    now: datetime,
    dry_run: bool = False,
) -> Repriced:
    """Price the model calls of a span anew; what differs becomes an adjustment row.

    Holds: doing it again at once changes nothing.
    """
    name = None if provider is None else known_as(provider)
    rows = list(store.scan(tx, space.id, span, provider=name, model=model))
    corrections: dict[str, Decimal] = {}
    for row in rows:
        if row.adjusts is not None and row.amount is not None and row.status is Status.PRICED:
            corrections[row.adjusts] = EXACT.add(corrections.get(row.adjusts, ZERO), row.amount)
    looked_at = adjusted = unpriced = 0
    difference = ZERO
    for row in rows:
        is_booked = row.source is Source.PRICE_BOOK and row.status is not Status.VOIDED
        if not is_booked or row.provider is None or row.model is None:
            continue
        looked_at += 1
        use = ModelUse(row.provider, row.model, row.tokens, row.response_id)
        found = book.price_of(tx, space.id, use, row.at)
        if not isinstance(found, Priced):
            unpriced += row.status is Status.UNPRICED
            continue
        stands = EXACT.add(row.amount or ZERO, corrections.get(row.id, ZERO))
        change = EXACT.subtract(found.amount, stands)
        if change == 0 and row.status is not Status.UNPRICED:
            continue
        adjusted += 1
        difference = EXACT.add(difference, change)
        if not dry_run:
            key = f"reprice {row.id} {new_id(COST_PREFIX)}"
            shown = found.price
            adjust(tx, space, row, key, change, at=at, now=now, price=shown, reason="repriced")
    return Repriced(looked_at, adjusted, unpriced, difference)
