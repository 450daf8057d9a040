"""Usage over HTTP: events in, history and sums out."""

from collections.abc import Callable

from fastapi import APIRouter, Request

from tallybook.server.catalog.errors import AgentNotFound
from tallybook.server.customers.errors import CustomerNotFound
from tallybook.server.identity.errors import InvalidApiKey
from tallybook.server.identity.models import Scope, Space
from tallybook.server.identity.rules import api_keys
from tallybook.server.ingest import views
from tallybook.server.ingest.errors import (
    BackfillNeedsFullKey,
    LimitReached,
    NoMeter,
    TimestampOutOfRange,
    ValueMissing,
)
from tallybook.server.ingest.formats.items import check_item, decode_batch, decode_item
from tallybook.server.ingest.gate import Gate, Submission
from tallybook.server.ingest.models import Incoming, Refused, Verdict
from tallybook.server.kernel import clock
from tallybook.server.kernel.errors import FieldError, InvalidInput, NotFound, Refusal
from tallybook.server.metering.errors import MeterNotFound
from tallybook.server.storage import Tx
from tallybook.server.subscriptions.errors import SubscriptionNotFound
from tallybook.wire import events as wire

from .bodies import parse_json, read_body, require_json
from .calls import bearer, check_caller, idempotency_key, named_project, recognize
from .express import Json, RawRoute, handled_by
from .problems import responses

router = APIRouter(prefix="/events", tags=["usage"], route_class=RawRoute)


def _who(request: Request, needed: set[Scope]) -> Callable[[Tx], Space]:
    """Return what tells the caller's space inside the transaction."""
    token, pepper = bearer(request), request.app.state.pepper
    if not api_keys.is_well_formed(token):
        raise InvalidApiKey()
    project_id = named_project(request)

    def who(tx: Tx) -> Space:
        seen = tx.notes.setdefault("callers", {})  # requests of one key that were joined
        caller = seen.get(token)
        if caller is None:
            caller = seen[token] = recognize(tx, token, pepper)
        if needed == {Scope.FULL} and caller.scope is Scope.INGEST:
            raise BackfillNeedsFullKey(scope=caller.scope.value, needed=Scope.FULL.value)
        check_caller(caller, needed=needed, project_id=project_id)
        space: Space = caller.space
        return space

    return who


async def submit(
    request: Request, items: list[Incoming | Refused], *, backfill: bool, strict: bool
) -> list[Verdict]:
    needed = {Scope.FULL} if backfill else {Scope.FULL, Scope.INGEST}
    submission = Submission(_who(request, needed), items, backfill, strict, clock.now())
    gate: Gate = request.app.state.gate
    return await gate.submit(submission)


async def _read(request: Request) -> bytes:
    body = await read_body(request)
    require_json(request)
    return body


async def _create(request: Request) -> Json:
    bearer(request)
    body = await _read(request)
    parse_json(body)  # its rules are stricter than the fast decoder's: no key twice
    item = decode_item(body)
    if item.idempotency_key is None:
        item.idempotency_key = idempotency_key(request)
    checked = check_item(item)
    if isinstance(checked, Refused):
        raise InvalidInput(errors=[FieldError(checked.pointer, checked.code, checked.detail)])
    (verdict,) = await submit(request, [checked], backfill=False, strict=True)
    if verdict.event is None:
        raise strict_refusal(verdict, checked.named.meter_ref, checked.named.agent_ref)
    shown = views.to_json(verdict.event, meter_key=verdict.meter_key, period=verdict.period)
    replayed = verdict.status == "duplicate"
    return Json(shown, 200 if replayed else 201, replayed)


def strict_refusal(verdict: Verdict, meter: str | None, agent: str | None) -> Refusal:
    """Return how an event that names `meter` and `agent` is refused by itself."""
    kinds: dict[str, type[Refusal]] = {
        "customer_not_found": CustomerNotFound,
        "meter_not_found": MeterNotFound,
        "agent_not_found": AgentNotFound,
        "subscription_not_found": SubscriptionNotFound,
        "meter_ambiguous": NoMeter,
        "value_missing": ValueMissing,
        "limit_reached": LimitReached,
        "timestamp_out_of_range": TimestampOutOfRange,
    }
    code, detail = verdict.code or "invalid", verdict.detail or ""
    kind = kinds.get(code, InvalidInput)
    fields = [FieldError(verdict.pointer, code, detail)]
    if issubclass(kind, NotFound):
        named = {"meter_not_found": {"meter": meter}, "agent_not_found": {"agent": agent}}
        return kind(errors=fields, **named.get(code, {}))
    return kind(errors=fields, detail=detail)


async def _create_batch(request: Request) -> Json:
    bearer(request)
    batch = decode_batch(await _read(request))
    items = [check_item(item) for item in batch.events]
    verdicts = await submit(request, items, backfill=batch.backfill, strict=False)
    return Json(views.encode(views.batch_result(verdicts)))


@router.post(
    "",
    response_model=wire.UsageEvent,
    status_code=201,
    responses=responses(CustomerNotFound, MeterNotFound),
    operation_id="usage.create",
)
@handled_by(_create)
def create_event(body: wire.EventCreate) -> None:
    """Store one event, strictly: unknown names are refused. A repeated key answers the first."""


@router.post(
    "/batch",
    response_model=wire.BatchResult,
    responses=responses(),
    operation_id="usage.create_batch",
)
@handled_by(_create_batch)
def create_batch(body: wire.EventBatch) -> None:
    """Store up to 1,000 events; each item is answered for itself."""
