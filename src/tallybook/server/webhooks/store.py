"""All of webhooks' SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update

from tallybook.server.kernel.clock import from_micros, to_micros
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows, fetch

from .models import (
    Attempt,
    Delivery,
    DeliveryStatus,
    DisabledReason,
    Endpoint,
    EndpointStatus,
    Secret,
)
from .tables import webhook_attempts, webhook_deliveries, webhook_endpoints

_PENDING = DeliveryStatus.PENDING.value


def add_endpoint(tx: Tx, space: SpaceId, endpoint: Endpoint) -> None:
    tx.execute(insert(webhook_endpoints).values({"space_id": space, **_to_row(endpoint)}))


def save_endpoint(tx: Tx, space: SpaceId, endpoint: Endpoint) -> None:
    t = webhook_endpoints.c
    mine = (t.space_id == space, t.id == endpoint.id)
    tx.execute(update(webhook_endpoints).where(*mine).values(_to_row(endpoint)))


def delete_endpoint(tx: Tx, space: SpaceId, endpoint_id: str) -> None:
    """Delete an endpoint with all that was sent to it."""
    t, d, a = webhook_endpoints.c, webhook_deliveries.c, webhook_attempts.c
    of_it = select(d.id).where(d.space_id == space, d.endpoint_id == endpoint_id)
    tx.execute(
        delete(webhook_attempts).where(
            a.space_id == space, a.delivery_id.in_(of_it.scalar_subquery())
        )
    )
    tx.execute(delete(webhook_deliveries).where(d.space_id == space, d.endpoint_id == endpoint_id))
    tx.execute(delete(webhook_endpoints).where(t.space_id == space, t.id == endpoint_id))


def find_endpoint(
    tx: Tx, space: SpaceId, endpoint_id: str, *, lock: bool = False
) -> Endpoint | None:
    t = webhook_endpoints.c
    query = select(webhook_endpoints).where(t.space_id == space, t.id == endpoint_id)
    if lock and not tx.is_sqlite:
        query = query.with_for_update()
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else endpoint_of(row)


def count_endpoints(tx: Tx, space: SpaceId) -> int:
    query = select(func.count()).where(webhook_endpoints.c.space_id == space)
    return int(tx.execute(query).scalar_one())


def page_of_endpoints(tx: Tx, space: SpaceId, page: PageRequest) -> Rows:
    t = webhook_endpoints.c
    query = select(webhook_endpoints).where(t.space_id == space)
    return fetch(tx, query, page, key=t.id, sorts={"created_at": t.created_at})


def list_enabled(tx: Tx, spaces: Sequence[SpaceId]) -> list[tuple[SpaceId, Endpoint]]:
    """Return the enabled endpoints of these spaces."""
    t = webhook_endpoints.c
    enabled = (t.space_id.in_(spaces), t.status == EndpointStatus.ENABLED.value)
    query = select(webhook_endpoints).where(*enabled).order_by(t.space_id, t.id)
    return [(SpaceId(row["space_id"]), endpoint_of(row)) for row in tx.execute(query).mappings()]


def add_delivery(
    tx: Tx, space: SpaceId, delivery: Delivery, *, data: Mapping[str, Any] | None = None
) -> bool:
    """Add a delivery, unless the endpoint has one of this message; tell whether it was added."""
    row = {
        "space_id": space,
        "id": delivery.id,
        "endpoint_id": delivery.endpoint_id,
        "message_id": delivery.message_id,
        "event": delivery.event,
        "data": None if data is None else dict(data),
        "status": delivery.status.value,
        "tries": delivery.tries,
        "attempts": 0,
        "next_attempt_at": delivery.next_attempt_at,
        "lease_until": None,
        "fence": 0,
        "created_at": delivery.created_at,
        "completed_at": None,
    }
    statement = tx.insert(webhook_deliveries).values(row).on_conflict_do_nothing()
    return tx.execute(statement.returning(webhook_deliveries.c.id)).first() is not None


def restart_delivery(
    tx: Tx, space: SpaceId, endpoint_id: str, message_id: str, *, now: datetime, failed_only: bool
) -> bool:
    """Let a delivery start anew; a running attempt of it no longer counts."""
    d = webhook_deliveries.c
    wanted = [d.space_id == space, d.endpoint_id == endpoint_id, d.message_id == message_id]
    if failed_only:
        wanted.append(d.status == DeliveryStatus.FAILED.value)
    changes = {
        "status": _PENDING,
        "tries": 0,
        "next_attempt_at": now,
        "lease_until": None,
        "fence": d.fence + 1,
        "completed_at": None,
    }
    return tx.execute(update(webhook_deliveries).where(*wanted).values(changes)).rowcount > 0


def fail_pending(tx: Tx, space: SpaceId, endpoint_id: str, *, now: datetime) -> None:
    """Give up what waits for an endpoint."""
    d = webhook_deliveries.c
    waiting = (d.space_id == space, d.endpoint_id == endpoint_id, d.status == _PENDING)
    changes = {
        "status": DeliveryStatus.FAILED.value,
        "next_attempt_at": None,
        "lease_until": None,
        "completed_at": now,
    }
    tx.execute(update(webhook_deliveries).where(*waiting).values(changes))


def due_endpoints(tx: Tx, *, now: datetime) -> list[tuple[SpaceId, str]]:
    """Return which endpoints something is due for, in all spaces."""
    d = webhook_deliveries.c
    query = select(d.space_id, d.endpoint_id).where(*_due(now)).distinct()
    return [(SpaceId(row.space_id), row.endpoint_id) for row in tx.execute(query)]


def claim(
    tx: Tx, space: SpaceId, endpoint_id: str, *, now: datetime, lease_until: datetime, limit: int
) -> list[Mapping[Any, Any]]:
    """Lease what is due for an endpoint, the earliest first; return the rows."""
    d = webhook_deliveries.c
    mine = (d.space_id == space, d.endpoint_id == endpoint_id)
    query = select(d.id).where(*mine, *_due(now)).order_by(d.next_attempt_at, d.id).limit(limit)
    if not tx.is_sqlite:
        query = query.with_for_update(skip_locked=True)
    claimed: list[Mapping[Any, Any]] = []
    for delivery_id in tx.execute(query).scalars().all():
        lease = {"lease_until": lease_until, "fence": d.fence + 1}
        statement = update(webhook_deliveries).where(*mine, d.id == delivery_id).values(lease)
        claimed.append(tx.execute(statement.returning(webhook_deliveries)).mappings().one())
    return claimed


def release_all(tx: Tx) -> None:
    """Free what is leased: whoever posted it is no more. Its outcome would not count either."""
    d = webhook_deliveries.c
    freed = {"lease_until": None, "fence": d.fence + 1}
    tx.execute(update(webhook_deliveries).where(d.lease_until.is_not(None)).values(freed))


def settle(
    tx: Tx, space: SpaceId, delivery_id: str, *, fence: int, changes: Mapping[str, Any]
) -> bool:
    """Write how an attempt ended, if its lease still holds; tell whether it did."""
    d = webhook_deliveries.c
    held = (d.space_id == space, d.id == delivery_id, d.fence == fence, d.status == _PENDING)
    values = {"lease_until": None, "attempts": d.attempts + 1, **changes}
    return tx.execute(update(webhook_deliveries).where(*held).values(values)).rowcount == 1


def add_attempt(tx: Tx, space: SpaceId, attempt: Attempt) -> None:
    row = {
        "space_id": space,
        "id": attempt.id,
        "delivery_id": attempt.delivery_id,
        "number": attempt.number,
        "started_at": attempt.started_at,
        "duration_ms": attempt.duration_ms,
        "status_code": attempt.status_code,
        "error": attempt.error,
        "response_text": attempt.response_text,
    }
    tx.execute(insert(webhook_attempts).values(row))


def page_of_deliveries(
    tx: Tx,
    space: SpaceId,
    endpoint_id: str,
    page: PageRequest,
    *,
    status: str | None,
    message_id: str | None,
) -> Rows:
    d = webhook_deliveries.c
    query = select(webhook_deliveries).where(d.space_id == space, d.endpoint_id == endpoint_id)
    if status is not None:
        query = query.where(d.status == status)
    if message_id is not None:
        query = query.where(d.message_id == message_id)
    return fetch(tx, query, page, key=d.id, sorts={"created_at": d.created_at})


def find_delivery(tx: Tx, space: SpaceId, endpoint_id: str, message_id: str) -> Delivery | None:
    d = webhook_deliveries.c
    mine = (d.space_id == space, d.endpoint_id == endpoint_id, d.message_id == message_id)
    row = tx.execute(select(webhook_deliveries).where(*mine)).mappings().one_or_none()
    return None if row is None else deliveries_of(tx, space, [row])[0]


def deliveries_of(
    tx: Tx, space: SpaceId, rows: Sequence[Mapping[Any, Any]], *, attempts_max: int = 20
) -> list[Delivery]:
    """Return the deliveries of rows, each with its latest attempts, the newest first."""
    a = webhook_attempts.c
    query = select(webhook_attempts).where(
        a.space_id == space, a.delivery_id.in_([row["id"] for row in rows])
    )
    made: dict[str, list[Attempt]] = {row["id"]: [] for row in rows}
    for row in tx.execute(query.order_by(a.number.desc())).mappings():
        made[row["delivery_id"]].append(_attempt(row))
    return [replace(_delivery(row), attempts=made[row["id"]][:attempts_max]) for row in rows]


def forget(tx: Tx, *, before: datetime) -> None:
    """Delete deliveries and attempts of all spaces that are older."""
    d, a = webhook_deliveries.c, webhook_attempts.c
    tx.execute(delete(webhook_attempts).where(a.started_at < before))
    done = (d.created_at < before, d.status != _PENDING)
    tx.execute(delete(webhook_deliveries).where(*done))


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    d = webhook_deliveries.c
    return d.next_attempt_at <= now, or_(d.lease_until.is_(None), d.lease_until <= now)


def endpoint_of(row: Mapping[Any, Any]) -> Endpoint:
    reason = row["disabled_reason"]
    return Endpoint(
        row["id"],
        row["url"],
        None if row["events"] is None else tuple(row["events"]),
        row["description"],
        EndpointStatus(row["status"]),
        None if reason is None else DisabledReason(reason),
        row["disabled_at"],
        row["failing_since"],
        tuple(
            Secret(value, None if at is None else from_micros(at)) for value, at in row["secrets"]
        ),
        row["created_at"],
        row["updated_at"],
    )


def _to_row(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": None if endpoint.events is None else list(endpoint.events),
        "description": endpoint.description,
        "status": endpoint.status.value,
        "disabled_reason": endpoint.disabled_reason and endpoint.disabled_reason.value,
        "disabled_at": endpoint.disabled_at,
        "failing_since": endpoint.failing_since,
        "secrets": [
            [item.value, None if item.expires_at is None else to_micros(item.expires_at)]
            for item in endpoint.secrets
        ],
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
    }


def _delivery(row: Mapping[Any, Any]) -> Delivery:
    return Delivery(
        row["id"],
        row["endpoint_id"],
        row["message_id"],
        row["event"],
        DeliveryStatus(row["status"]),
        row["tries"],
        row["next_attempt_at"],
        row["created_at"],
        row["completed_at"],
    )


def _attempt(row: Mapping[Any, Any]) -> Attempt:
    return Attempt(
        row["id"],
        row["delivery_id"],
        row["number"],
        row["started_at"],
        row["duration_ms"],
        row["status_code"],
        row["error"],
        row["response_text"],
    )
