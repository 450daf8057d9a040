"""A delivery is claimed under a lease, posted by the sender, and settled under its fence."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from tallybook.server.identity import service as identity
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.storage import Tx, outbox
from tallybook.server.storage.outbox import Message

from . import service, store, views
from .models import Attempt, Claimed, DeliveryStatus, EndpointStatus, Outcome
from .rules import retries, signing

LEASE: Final = timedelta(seconds=60)  # an attempt takes 15 at most
EndpointKey = tuple[SpaceId, str]


def due_endpoints(tx: Tx, *, now: datetime) -> list[EndpointKey]:
    return store.due_endpoints(tx, now=now)


def claim(
    tx: Tx, *, now: datetime, places: Callable[[EndpointKey], int], limit: int
) -> list[Claimed]:
    """Lease what is due: of each endpoint as many as it has `places`, `limit` in all."""
    claimed: list[Claimed] = []
    for key in store.due_endpoints(tx, now=now):
        count = min(places(key), limit - len(claimed))
        if count <= 0:
            continue
        space, endpoint_id = key
        endpoint = store.find_endpoint(tx, space, endpoint_id)
        if endpoint is None or endpoint.status is not EndpointStatus.ENABLED:
            store.fail_pending(tx, space, endpoint_id, now=now)
            continue
        project_id = identity.get_space(tx, space).project_id
        secrets = tuple(secret.value for secret in signing.live(endpoint.secrets, now))
        rows = store.claim(tx, space, endpoint_id, now=now, lease_until=now + LEASE, limit=count)
        claimed += [
            Claimed(
                space,
                row["id"],
                endpoint_id,
                row["message_id"],
                row["fence"],
                row["tries"],
                row["attempts"],
                endpoint.url,
                secrets,
                _envelope(tx, space, row, project_id),
            )
            for row in rows
        ]
    return claimed


def take_over(tx: Tx) -> None:
    """Free what the sender before us had begun; only where there is one at a time."""
    store.release_all(tx)


def settle(tx: Tx, work: Claimed, outcome: Outcome, *, chance: float, now: datetime) -> bool:
    """Write how an attempt ended; tell whether its lease still held."""
    space, tries = work.space, work.tries + 1
    endpoint = store.find_endpoint(tx, space, work.endpoint_id, lock=True)
    again_at = None
    if not outcome.is_success and work.envelope is not None:
        again_at = retries.next_attempt(outcome, tries=tries, chance=chance, now=now)
    changes: dict[str, Any] = {"tries": tries, "next_attempt_at": again_at}
    if again_at is None:
        status = DeliveryStatus.SUCCEEDED if outcome.is_success else DeliveryStatus.FAILED
        changes |= {"status": status.value, "completed_at": now}
    held = store.settle(tx, space, work.delivery_id, fence=work.fence, changes=changes)
    if endpoint is None or not held:
        return False
    store.add_attempt(
        tx,
        space,
        Attempt(
            new_id("wha"),
            work.delivery_id,
            work.attempts + 1,
            outcome.started_at,
            outcome.duration_ms,
            outcome.status_code,
            outcome.error,
            outcome.response_text,
        ),
    )
    if outcome.is_success:
        if endpoint.failing_since is not None:
            store.save_endpoint(tx, space, replace(endpoint, failing_since=None))
        return True
    if endpoint.failing_since is None:
        endpoint = replace(endpoint, failing_since=now)
        store.save_endpoint(tx, space, endpoint)
    reason = retries.give_up(outcome, failing_since=endpoint.failing_since, now=now)
    if reason is not None and endpoint.status is EndpointStatus.ENABLED:
        service.disable(tx, space, endpoint, reason, at=now)
    return True


def _envelope(
    tx: Tx, space: SpaceId, row: Mapping[Any, Any], project_id: str
) -> Mapping[str, Any] | None:
    message = outbox.find(tx, space, row["message_id"])
    if message is None and row["data"] is not None:  # a test event
        message = Message(
            space,
            row["message_id"],
            row["event"],
            row["endpoint_id"],
            1,
            row["data"],
            row["created_at"],
            None,
        )
    return None if message is None else views.envelope(message, project_id)
