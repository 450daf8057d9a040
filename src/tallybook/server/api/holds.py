"""Holds over HTTP."""

from datetime import timedelta

from fastapi import APIRouter, Response

from tallybook.server.access import service as access
from tallybook.server.access import views
from tallybook.server.access.errors import (
    AccessDenied,
    FeatureNotMetered,
    HoldNotFound,
    HoldOver,
)
from tallybook.server.customers import service as customers
from tallybook.server.customers.errors import CustomerNotFound
from tallybook.server.kernel import clock
from tallybook.server.storage import Tx
from tallybook.wire import holds as wire

from .bodies import StrictRoute
from .calls import Read, Write
from .events import strict_refusal
from .problems import responses

router = APIRouter(prefix="/holds", tags=["access"], route_class=StrictRoute)


@router.post(
    "",
    response_model=wire.Hold,
    status_code=201,
    responses=responses(CustomerNotFound, AccessDenied, FeatureNotMetered),
    operation_id="holds.create",
)
def create_hold(body: wire.HoldCreate, write: Write) -> Response:
    """Set units aside; they count as used until settled, released or expired.

    Where access is denied, nothing is held: 409 `access_denied`, with the reason.
    """

    def work(tx: Tx) -> wire.Hold:
        customer = customers.resolve(
            tx,
            write.space,
            customer_id=body.customer_id,
            customer_external_id=body.customer_external_id,
        )
        hold = access.create_hold(
            tx,
            write.where,
            customer,
            body.feature,
            body.quantity,
            expires_in=timedelta(seconds=body.expires_in),
            agent=body.agent,
            now=write.now,
        )
        return views.hold_to_wire(hold, write.now)

    return write(work, status=201)


@router.get(
    "/{hold_id}",
    response_model=wire.Hold,
    responses=responses(HoldNotFound),
    operation_id="holds.get",
)
def get_hold(hold_id: str, read: Read) -> Response:
    """Return a hold."""
    return read(lambda tx: views.hold_to_wire(access.get_hold(tx, read.space, hold_id), read.now))


@router.post(
    "/{hold_id}/settle",
    response_model=wire.Hold,
    responses=responses(HoldNotFound, HoldOver),
    operation_id="holds.settle",
)
def settle_hold(hold_id: str, body: wire.HoldSettle, write: Write) -> Response:
    """Record what was used, once, and free the rest."""

    def work(tx: Tx) -> wire.Hold:
        hold, verdict = access.settle_hold(
            tx,
            write.where,
            hold_id,
            body.quantity,
            attributes=body.attributes,
            metadata=body.metadata,
            agent=body.agent,
            action_type=body.action_type,
            now=write.now,
            received_at=clock.now(),
        )
        if verdict is not None and verdict.event is None:
            raise strict_refusal(verdict, hold.feature, body.agent)
        return views.hold_to_wire(hold, write.now)

    return write(work)


@router.post(
    "/{hold_id}/release",
    response_model=wire.Hold,
    responses=responses(HoldNotFound, HoldOver),
    operation_id="holds.release",
)
def release_hold(hold_id: str, write: Write) -> Response:
    """Free all that is held: nothing was used."""

    def work(tx: Tx) -> wire.Hold:
        hold = access.release_hold(tx, write.space, hold_id, now=write.now)
        return views.hold_to_wire(hold, write.now)

    return write(work)
