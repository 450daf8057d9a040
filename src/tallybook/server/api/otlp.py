"""OTLP over HTTP: traces of model calls from whatever is instrumented."""

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from tallybook.server.ingest import spans
from tallybook.server.ingest.errors import MalformedTraces, TracesTooLarge
from tallybook.server.ingest.formats import otlp
from tallybook.server.kernel import clock
from tallybook.wire.otlp import ExportTraces

from .bodies import read_body
from .calls import WriteCall, bearer, ingester
from .express import RawRoute, handled_by
from .problems import responses

router = APIRouter(tags=["costs"], route_class=RawRoute)
_BODY_MAX = 8 << 20


async def _take(request: Request) -> Response:
    bearer(request)
    body = await read_body(request, limit=_BODY_MAX)
    kind = request.headers.get("content-type", "")

    def work() -> None:
        write: WriteCall = ingester(request)
        found = otlp.read(body, kind, request.headers.get("content-encoding", "").lower())
        at, now = clock.now(), write.now
        write.db.write_now(lambda tx: spans.take(tx, write.where, found, now=now, received_at=at))

    await run_in_threadpool(work)
    if kind.startswith("application/json"):
        return Response(b"{}", media_type="application/json")
    return Response(b"", media_type="application/x-protobuf")  # an empty message: all were taken


@router.post(
    "/otlp/v1/traces",
    response_model=dict[str, Any],
    responses=responses(MalformedTraces, TracesTooLarge),
    operation_id="otlp.traces",
)
@handled_by(_take)
def export_traces(body: ExportTraces) -> None:
    """Take OTLP traces (protobuf or JSON, gzip or not); calls of models in them become costs.

    Set OTEL_EXPORTER_OTLP_ENDPOINT to `…/api/v1/otlp`. Prompts and answers are not stored.
    """
