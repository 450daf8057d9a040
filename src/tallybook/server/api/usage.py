"""A customer's usage over HTTP: history and sums; and events by their id."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from tallybook.server.catalog import service as catalog
from tallybook.server.customers.errors import CustomerNotFound
from tallybook.server.ingest import amend, views
from tallybook.server.ingest.errors import EventNotFound
from tallybook.server.kernel.errors import FieldError, InvalidInput
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.metering import meters
from tallybook.server.metering.models import Event, EventStatus
from tallybook.server.metering.service import events
from tallybook.server.reports import usage
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows
from tallybook.server.subscriptions import service as subscriptions
from tallybook.wire import events as wire
from tallybook.wire.base import DayOrInstant, Page, end_of, start_of

from .bodies import StrictRoute
from .calls import Read, ReadCall, Write
from .pages import CursorPaging, page_request, to_page
from .paths import PathCustomer
from .problems import responses

router = APIRouter(tags=["usage"], route_class=StrictRoute)
Start = Annotated[DayOrInstant | None, Query()]


def _span(read: ReadCall, start: Any, end: Any) -> tuple[datetime | None, datetime | None]:
    """Return [start, end) as instants; days are local, an end day is inclusive."""
    midnight = read.where.midnight
    first = None if start is None else start_of(start, midnight)
    last = None if end is None else end_of(end, midnight)
    if first is not None and last is not None and last <= first:
        detail = "must be after start_date"
        raise InvalidInput(errors=[FieldError("?end_date", "invalid", detail)])
    return first, last


def _shown(tx: Tx, space: SpaceId, found: Sequence[Event]) -> dict[int, wire.UsageEvent]:
    """Return the events by position as they are shown: a fixed number of queries."""
    named = meters.find_meters(tx, space, {e.meter_id for e in found if e.meter_id is not None})
    customers = {
        event.owner.customer_id
        for event in found
        if event.subscription_id is not None and event.owner.customer_id is not None
    }
    lines = subscriptions.timelines(tx, space, customers) if customers else {}
    periods = {
        (line.id, period.number): period
        for mine in lines.values()
        for line in mine
        for period in line.periods
    }
    return {
        event.position: views.to_wire(
            event,
            meter_key=None if event.meter_id is None else named[event.meter_id].key,
            period=periods.get((event.subscription_id or "", event.period or 0)),
        )
        for event in found
    }


def event_page(tx: Tx, read: ReadCall, page: PageRequest, rows: Rows) -> Page[wire.UsageEvent]:
    shown = _shown(tx, read.space, [events.from_row(row) for row in rows.rows])
    return to_page(read, page, rows, lambda row: shown[row["position"]])


@router.get(
    "/customers/{customer_id}/usage",
    response_model=Page[wire.UsageEvent],
    responses=responses(CustomerNotFound),
    operation_id="usage.get_customer_usage",
)
@router.get(
    "/customers/external/{customer_external_id:path}/usage",
    response_model=Page[wire.UsageEvent],
    responses=responses(CustomerNotFound),
    operation_id="usage.get_customer_usage_by_external_id",
)
def get_customer_usage(
    who: PathCustomer,
    read: Read,
    paging: CursorPaging,
    start_date: Start = None,
    end_date: Start = None,
    meter: Annotated[str | None, Query(max_length=255)] = None,
    agent: Annotated[str | None, Query(max_length=255)] = None,
) -> Response:
    """List a customer's events by their time, the newest first."""
    start, end = _span(read, start_date, end_date)
    page = page_request(read, paging, ("at",))

    def work(tx: Tx) -> Page[wire.UsageEvent]:
        customer = who.resolve(tx, read.space)
        measured = None if meter is None else meters.get_meter(tx, read.space, meter)
        agent_id = None if agent is None else catalog.get_agent(tx, read.space, agent).id
        rows = events.list_usage(
            tx,
            read.space,
            customer.id,
            page,
            start=start,
            end=end,
            meter_id=None if measured is None else measured.id,
            agent_id=agent_id,
        )
        return event_page(tx, read, page, rows)

    return read(work)


@router.get(
    "/customers/{customer_id}/usage/aggregate",
    response_model=wire.AggregatedUsage,
    responses=responses(CustomerNotFound),
    operation_id="usage.get_aggregated_usage",
)
@router.get(
    "/customers/external/{customer_external_id:path}/usage/aggregate",
    response_model=wire.AggregatedUsage,
    responses=responses(CustomerNotFound),
    operation_id="usage.get_aggregated_usage_by_external_id",
)
def get_aggregated_usage(
    who: PathCustomer,
    read: Read,
    start_date: Annotated[DayOrInstant, Query()],
    end_date: Annotated[DayOrInstant, Query()],
    meter: Annotated[str | None, Query(max_length=255)] = None,
    group_by: Annotated[str | None, Query(max_length=1000)] = None,
) -> Response:
    """Add a customer's usage up, by meter and by `group_by` (meter, agent, day, attribute:name).

    Where the span is one billing period, items say what the meter's usage in it comes to.
    """
    start, end = _span(read, start_date, end_date)
    assert start is not None
    assert end is not None
    groups = [name.strip() for name in (group_by or "").split(",") if name.strip()]
    usage.check_groups(groups)

    def work(tx: Tx) -> wire.AggregatedUsage:
        customer = who.resolve(tx, read.space)
        measured = None if meter is None else meters.get_meter(tx, read.space, meter)
        items = usage.aggregate(
            tx,
            read.where,
            customer.id,
            start=start,
            end=end,
            meter=measured,
            group_by=groups,
        )
        return wire.AggregatedUsage(start=start, end=end, items=items)

    return read(work)


@router.get("/events", response_model=Page[wire.UsageEvent], operation_id="events.list")
def list_events(
    read: Read,
    paging: CursorPaging,
    status: Literal["accepted", "unmatched", "voided"] | None = None,
) -> Response:
    """List events as they were received, the newest first."""
    page = page_request(read, paging, ("position",))
    wanted = None if status is None else EventStatus[status.upper()]

    def work(tx: Tx) -> Page[wire.UsageEvent]:
        rows = events.list_events(tx, read.space, page, status=wanted)
        return event_page(tx, read, page, rows)

    return read(work)


@router.get(
    "/events/{event_id}",
    response_model=wire.UsageEvent,
    responses=responses(EventNotFound),
    operation_id="events.get",
)
def get_event(event_id: str, read: Read) -> Response:
    """Return an event."""

    def work(tx: Tx) -> wire.UsageEvent:
        event = amend.find(tx, read.where, event_id)
        return _shown(tx, read.space, [event])[event.position]

    return read(work)


@router.post(
    "/events/{event_id}/void",
    response_model=wire.UsageEvent,
    responses=responses(EventNotFound),
    operation_id="events.void",
)
def void_event(event_id: str, write: Write) -> Response:
    """Take an event out of every count. Where it was billed, the next invoice adjusts it."""

    def work(tx: Tx) -> wire.UsageEvent:
        event = amend.void(tx, write.where, event_id, now=write.now)
        return _shown(tx, write.space, [event])[event.position]

    return write(work)


@router.post(
    "/events/replay",
    response_model=wire.ReplayResult,
    responses=responses(EventNotFound),
    operation_id="events.replay",
)
def replay_events(body: wire.EventReplay, write: Write) -> Response:
    """Match up to 1,000 unmatched events anew, the oldest first; go on `after` the answer's last.

    Late ones of closed periods come onto the next invoice.
    """

    def work(tx: Tx) -> wire.ReplayResult:
        after = 0 if body.after is None else amend.find(tx, write.where, body.after).position
        made = amend.replay(
            tx,
            write.where,
            now=write.now,
            event_ids=body.event_ids,
            after=after,
        )
        return wire.ReplayResult(
            matched=made.matched,
            unmatched=made.unmatched,
            duplicates=made.duplicates,
            last_id=made.last_id,
        )

    return write(work)
