"""CloudEvents over HTTP: usage from whatever speaks the standard."""

from fastapi import APIRouter, Request, Response

from tallybook.server.ingest import views
from tallybook.server.ingest.errors import NotACloudEvent, TooManyEvents
from tallybook.server.ingest.formats import cloudevents
from tallybook.server.ingest.models import Refused
from tallybook.server.kernel.errors import FieldError, InvalidInput, Refusal
from tallybook.wire import cloudevents as wire
from tallybook.wire.events import BatchResult

from .bodies import read_body
from .calls import bearer, json_response
from .events import submit
from .express import RawRoute, handled_by
from .problems import responses

router = APIRouter(tags=["usage"], route_class=RawRoute)


async def _take(request: Request) -> Response:
    bearer(request)
    body = await read_body(request)
    headers = dict(request.headers)
    kind = headers.get("content-type", "")
    try:
        items, is_batch = cloudevents.read_request(kind, headers, body)
    except Refusal:
        await submit(request, [], backfill=False, strict=False)  # who may not ask is told that
        raise
    if not is_batch and isinstance(items[0], Refused):
        only = items[0]
        raise InvalidInput(errors=[FieldError(only.pointer, only.code, only.detail)])
    verdicts = await submit(request, items, backfill=False, strict=False)
    if not is_batch and verdicts[0].status == "rejected":
        first = verdicts[0]
        pointer = cloudevents.POINTERS.get(first.pointer, first.pointer)
        code, detail = first.code or "invalid", first.detail or ""
        raise InvalidInput(errors=[FieldError(pointer, code, detail)])
    return json_response(views.encode(views.batch_result(verdicts)), 200)


@router.post(
    "/cloudevents",
    response_model=BatchResult,
    responses=responses(NotACloudEvent, TooManyEvents),
    operation_id="cloudevents.create",
)
@handled_by(_take)
def create(body: wire.CloudEvent) -> None:
    """Store CloudEvents 1.0 as usage: structured, batch (up to 1,000) or binary.

    `type` names the meter, `subject` the customer by its external id, (`source`, `id`) is the
    idempotency key. `data` are the attributes, `data.quantity` the quantity (1).
    """
