"""Access over HTTP: checks, check-and-record, and a customer's state."""

from functools import lru_cache
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError

from tallybook.server.access import service as access
from tallybook.server.access import views
from tallybook.server.access.errors import FeatureNotMetered
from tallybook.server.access.service.record import json_text
from tallybook.server.customers import service as customers
from tallybook.server.customers.errors import CustomerNotFound
from tallybook.server.customers.models import Customer
from tallybook.server.identity.models import Scope
from tallybook.server.ingest.models import Incoming, Named
from tallybook.server.kernel import clock
from tallybook.server.kernel.clock import to_micros
from tallybook.server.kernel.ids import uuid7_hex
from tallybook.server.storage import Database, Tx
from tallybook.server.subscriptions.errors import SubscriptionNotFound
from tallybook.wire import access as wire

from .bodies import StrictRoute, parse_json, read_body, read_model, require_json
from .calls import (
    Anyone,
    Read,
    ReadCall,
    bearer,
    call_of,
    idempotency_key,
    json_response,
    require_scope,
)
from .events import strict_refusal
from .express import Json, RawRoute, handled_by
from .paths import PathCustomer
from .problems import responses

router = APIRouter(tags=["access"], route_class=StrictRoute)
raw_router = APIRouter(tags=["access"], route_class=RawRoute)
"""Checks come often: their handler reads the request itself."""
_REMEMBERED_BYTES: Final = 512  # of a body; a longer one is read anew each time


async def _check(request: Request) -> Response | Json:
    """Answer a check by one read: on the embedded database here, for it is done at once."""
    bearer(request)
    content = await read_body(request)
    require_json(request)
    read = _body_of if len(content) <= _REMEMBERED_BYTES else _read
    body = read(content)
    if isinstance(body, RequestValidationError):
        raise body
    db: Database = request.app.state.db
    if body.record:
        return await run_in_threadpool(_record, body, request)
    if db.is_sqlite:
        return db.read(lambda tx: _decide(tx, body, request))
    return await run_in_threadpool(db.read, lambda tx: _decide(tx, body, request))


def _read(content: bytes) -> wire.AccessCheck | RequestValidationError:
    return read_model(parse_json(content) if content else None, wire.AccessCheck)


@lru_cache(maxsize=4096)
def _body_of(content: bytes) -> wire.AccessCheck | RequestValidationError:
    """Return what a body says: the same questions are asked again and again."""
    return _read(content)


def _decide(tx: Tx, body: wire.AccessCheck, request: Request) -> Json:
    call = call_of(tx, request)
    require_scope(call.caller, {Scope.FULL, Scope.READ})
    decision = access.check(
        tx,
        call.where,
        _customer(tx, body, call),
        body.feature,
        body.quantity,
        now=call.now,
        subscription_id=body.subscription_id,
        agent=body.agent,
    )
    return Json(views.to_json(decision))


@raw_router.post(
    "/access/check",
    response_model=wire.AccessDecision,
    responses=responses(CustomerNotFound, SubscriptionNotFound, FeatureNotMetered),
    operation_id="access.check",
)
@handled_by(_check)
def check_access(body: wire.AccessCheck, call: Anyone) -> None:
    """Tell whether a customer may use a quantity of a feature; denial is an answer, not an error.

    With `record`, the usage is stored in the same step where it is allowed. Its key is the
    event's, as in `usage.create`: a repeat answers the first event.
    """


def _record(body: wire.AccessCheck, request: Request) -> Response:
    db: Database = request.app.state.db
    call = db.read(lambda tx: call_of(tx, request))
    require_scope(call.caller, {Scope.FULL, Scope.INGEST})
    key = body.idempotency_key or idempotency_key(call.request) or uuid7_hex()

    def work(tx: Tx) -> tuple[wire.AccessDecision, bool]:
        customer = _customer(tx, body, call)
        named = Named(
            customer_id=customer.id,
            meter_ref=body.feature,
            subscription_id=body.subscription_id,
            agent_ref=body.agent,
            action_type=body.action_type,
        )
        item = Incoming(
            named,
            body.quantity,
            None if body.timestamp is None else to_micros(body.timestamp),
            key,
            attributes=body.attributes,
            attributes_text=json_text(body.attributes),
            metadata_text=json_text(body.metadata),
        )
        recorded = access.check_and_record(
            tx,
            call.where,
            customer,
            body.feature,
            item,
            now=call.now,
            received_at=clock.now(),
        )
        verdict = recorded.verdict
        if verdict is None:
            return views.to_wire(recorded.decision), False
        if verdict.event is None:
            raise strict_refusal(verdict, body.feature, body.agent)
        shown = views.to_wire(recorded.decision, event_id=verdict.event.id)
        return shown, verdict.status == "duplicate"

    decision, replayed = call.db.write_now(work)
    return json_response(decision.model_dump_json().encode(), 200, replayed=replayed)


def _customer(tx: Tx, body: wire.AccessCheck, call: ReadCall) -> Customer:
    def load() -> Customer:
        return customers.resolve(
            tx,
            call.space,
            customer_id=body.customer_id,
            customer_external_id=body.customer_external_id,
        )

    key = ("customer", call.space, body.customer_id, body.customer_external_id)
    return tx.remember(key, load)


@router.get(
    "/customers/{customer_id}/state",
    response_model=wire.CustomerState,
    responses=responses(CustomerNotFound),
    operation_id="access.get_customer_state",
)
@router.get(
    "/customers/external/{customer_external_id:path}/state",
    response_model=wire.CustomerState,
    responses=responses(CustomerNotFound),
    operation_id="access.get_customer_state_by_external_id",
)
def get_customer_state(who: PathCustomer, read: Read) -> Response:
    """Return a customer with its live subscriptions, wallets, and all that it may use."""

    def work(tx: Tx) -> wire.CustomerState:
        customer = who.resolve(tx, read.space)
        state = access.customer_state(tx, read.where, customer, now=read.now)
        return views.state_to_wire(state, read.now)

    return read(work)
