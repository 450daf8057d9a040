"""Meters over HTTP."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from tallybook.server.catalog import service as catalog
from tallybook.server.metering import meters
from tallybook.server.metering.errors import (
    MeterHasEvents,
    MeterInUse,
    MeterInvalid,
    MeterKeyTaken,
    MeterNotFound,
)
from tallybook.server.metering.models import (
    Aggregation,
    CostCategory,
    CostType,
    MeterKind,
    MeterStatus,
)
from tallybook.server.metering.views import meter_to_wire
from tallybook.server.storage import Tx
from tallybook.wire import meters as wire
from tallybook.wire.base import Page

from .bodies import StrictRoute
from .calls import Read, Write
from .pages import Paging, page_request, to_page
from .problems import responses

router = APIRouter(prefix="/meters", tags=["meters"], route_class=StrictRoute)
SORTS = ("created_at", "name", "key")
_ENUMS: Final = {
    "kind": MeterKind,
    "aggregation": Aggregation,
    "status": MeterStatus,
    "cost_type": CostType,
    "category": CostCategory,
}


def meter_fields(body: BaseModel) -> dict[str, Any]:
    """The fields that the caller gave, as metering's facts."""
    fields: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    for name, kind in _ENUMS.items():
        if fields.get(name) is not None:
            fields[name] = kind(fields[name])
    return fields


@router.post(
    "",
    response_model=wire.Meter,
    status_code=201,
    responses=responses(MeterKeyTaken, MeterInvalid),
    operation_id="meters.create",
)
def create_meter(body: wire.MeterCreate, write: Write) -> Response:
    """Create a meter."""

    def work(tx: Tx) -> wire.Meter:
        return meter_to_wire(meters.create_meter(tx, write.space, meter_fields(body), at=write.now))

    return write(work, status=201)


@router.get("", response_model=Page[wire.Meter], operation_id="meters.list")
def list_meters(
    read: Read,
    paging: Paging,
    kind: wire.MeterKind | None = None,
    status: wire.MeterStatus | None = None,
    search: Annotated[str | None, Query(max_length=255)] = None,
) -> Response:
    """List meters; `search` looks in name and key. Archived ones only when asked for."""
    page = page_request(read, paging, SORTS)

    def work(tx: Tx) -> Page[wire.Meter]:
        rows = meters.list_page(tx, read.space, page, kind=kind, status=status, search=search)
        return to_page(read, page, rows, _shape)

    return read(work)


def _shape(row: Mapping[Any, Any]) -> wire.Meter:
    return meter_to_wire(meters.from_row(row))


@router.get(
    "/{meter}",
    response_model=wire.Meter,
    responses=responses(MeterNotFound),
    operation_id="meters.get",
)
def get_meter(meter: str, read: Read) -> Response:
    """Return the meter of an id or key."""
    return read(lambda tx: meter_to_wire(meters.get_meter(tx, read.space, meter)))


@router.patch(
    "/{meter}",
    response_model=wire.Meter,
    responses=responses(MeterNotFound, MeterHasEvents, MeterInvalid),
    operation_id="meters.update",
)
def update_meter(meter: str, body: wire.MeterUpdate, write: Write) -> Response:
    """Change the given fields; kind, aggregation and key only until the first event."""

    def work(tx: Tx) -> wire.Meter:
        fields = meter_fields(body)
        return meter_to_wire(meters.update_meter(tx, write.space, meter, fields, at=write.now))

    return write(work)


@router.delete(
    "/{meter}",
    status_code=204,
    response_model=None,
    responses=responses(MeterNotFound, MeterInUse),
    operation_id="meters.delete",
)
def delete_meter(meter: str, write: Write) -> Response:
    """Archive a meter that no plan, no agent action and no live subscription uses."""

    def work(tx: Tx) -> None:
        catalog.delete_meter(tx, write.space, meter, at=write.now)

    return write(work)
