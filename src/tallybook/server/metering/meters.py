"""Create, find, change and archive meters."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows

from .errors import MeterInUse, MeterKeyTaken, MeterNotFound
from .models import METER_PREFIX, Aggregation, Meter, MeterId, MeterKind, MeterStatus
from .rules.keys import check_key, is_id
from .rules.meters import changed, check_meter
from .store import meters as store
from .store.meters import from_row

__all__ = [
    "archive_meter",
    "create_meter",
    "find_meter",
    "find_meters",
    "from_row",
    "get_meter",
    "list_meters",
    "list_page",
    "mark_events_seen",
    "meter_has_events",
    "update_meter",
]


def create_meter(
    tx: Tx, space: SpaceId, fields: Mapping[str, Any], *, at: datetime, pointer: str = ""
) -> Meter:
    """Create a meter from `name`, `key`, `kind` and what else is given.

    Errors: MeterKeyTaken (with `existing_id`); MeterInvalid; InvalidInput (the key).
    """
    defaults: dict[str, Any] = {
        "kind": MeterKind.BILLABLE,
        "aggregation": Aggregation.COUNT,
        "unit_label": None,
        "value_field": None,
        "description": None,
        "status": MeterStatus.ACTIVE,
        "cost_type": None,
        "cost_per_unit": None,
        "category": None,
        "metadata": {},
    }
    check_key(fields["key"], id_prefix=METER_PREFIX, pointer=f"{pointer}/key")
    fresh = {
        "id": MeterId(new_id(METER_PREFIX)),
        "events_seen": False,
        "created_at": at,
        "updated_at": at,
    }
    meter = Meter(**{**defaults, **fields, **fresh})
    check_meter(meter, pointer=pointer)
    if not store.add(tx, space, meter):
        raise _key_taken(tx, space, meter.key)
    return meter


def get_meter(tx: Tx, space: SpaceId, ref: str, *, lock: bool = False) -> Meter:
    """Return the meter of an id or key, an archived one too. Errors: MeterNotFound."""
    meter = find_meter(tx, space, ref, lock=lock)
    if meter is None:
        raise MeterNotFound(meter=ref)
    return meter


def find_meter(tx: Tx, space: SpaceId, ref: str, *, lock: bool = False) -> Meter | None:
    """Return the meter of an id or key, or None; `lock` holds it until the commit."""
    if is_id(ref, id_prefix=METER_PREFIX):
        return store.find(tx, space, ref, lock=lock)
    return store.find_by_key(tx, space, ref, lock=lock)


def find_meters(tx: Tx, space: SpaceId, refs: Collection[str]) -> dict[str, Meter]:
    """Return the meters found, each under the id or key by which it was asked for."""
    wanted = set(refs)
    found: dict[str, Meter] = {}
    for meter in store.find_many(tx, space, wanted):
        found.update(dict.fromkeys(wanted & {meter.id, meter.key}, meter))
    return found


def list_meters(tx: Tx, space: SpaceId) -> list[Meter]:
    """Return all meters that are not archived, the oldest first."""
    return store.list_all(tx, space)


def list_page(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    kind: str | None = None,
    status: str | None = None,
    search: str | None = None,
) -> Rows:
    """Return a page of rows for `from_row`; archived meters only when `status` says so."""
    return store.list_page(tx, space, page, kind=kind, status=status, search=search)


def update_meter(
    tx: Tx, space: SpaceId, ref: str, changes: Mapping[str, Any], *, at: datetime
) -> Meter:
    """Change the given fields.

    Errors: MeterNotFound; MeterHasEvents; MeterKeyTaken; MeterInvalid; InvalidInput (the key).
    """
    before = get_meter(tx, space, ref, lock=True)
    after = changed(before, changes, at)
    if after.key != before.key:
        check_key(after.key, id_prefix=METER_PREFIX)
        if store.find_by_key(tx, space, after.key) is not None:
            raise _key_taken(tx, space, after.key)
    if after is not before:
        store.save(tx, space, after)
    return after


def archive_meter(tx: Tx, space: SpaceId, ref: str, *, used_by: str | None, at: datetime) -> Meter:
    """Hide the meter; `used_by` names what still uses it, which higher rooms know.

    Errors: MeterNotFound; MeterInUse.
    """
    before = get_meter(tx, space, ref, lock=True)
    if used_by is not None:
        raise MeterInUse(meter_id=before.id, used_by=used_by)
    if before.status is MeterStatus.ARCHIVED:
        return before
    after = replace(before, status=MeterStatus.ARCHIVED, updated_at=at)
    store.save(tx, space, after)
    return after


def meter_has_events(tx: Tx, space: SpaceId, meter_id: str) -> bool:
    """Tell whether an event was ever stored under the meter."""
    meter = store.find(tx, space, meter_id)
    return meter is not None and meter.events_seen


def mark_events_seen(tx: Tx, space: SpaceId, meter_ids: Collection[str]) -> None:
    """Freeze what these meters measure: they have stored an event."""
    store.mark_events_seen(tx, space, meter_ids)


def _key_taken(tx: Tx, space: SpaceId, key: str) -> MeterKeyTaken:
    existing = store.find_by_key(tx, space, key)
    return MeterKeyTaken(key=key, existing_id=None if existing is None else existing.id)
