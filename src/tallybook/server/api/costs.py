"""Costs and model prices over HTTP."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from tallybook.server.catalog import service as catalog
from tallybook.server.catalog.errors import AgentNotFound
from tallybook.server.costs import book, lookup, record, views
from tallybook.server.costs.errors import CostMeterExpected, CostNotFound, PricesOverlap
from tallybook.server.costs.models import Cost, ModelPrice, ModelUse, Source
from tallybook.server.customers import service as customers
from tallybook.server.customers.errors import CustomerNotFound
from tallybook.server.kernel import clock
from tallybook.server.kernel.errors import FieldError, InvalidInput
from tallybook.server.kernel.ids import uuid7_hex
from tallybook.server.kernel.money import minor_units
from tallybook.server.kernel.periods import Span
from tallybook.server.metering import meters
from tallybook.server.metering.errors import MeterNotFound
from tallybook.server.metering.models import CostCategory, Meter, MeterKind
from tallybook.server.storage import Tx
from tallybook.wire import costs as wire
from tallybook.wire import meters as meter_wire
from tallybook.wire.base import DayOrInstant, Page, end_of, start_of
from tallybook.wire.events import BatchResult, EventResult

from .bodies import StrictRoute
from .calls import IDEMPOTENT, Ingest, Read, ReadCall, Write, WriteCall
from .pages import CursorPaging, PartPaging, page_request, part_of, to_page
from .problems import responses
from .wallets import OfCustomer

router = APIRouter(tags=["costs"], route_class=StrictRoute)
Day = Annotated[DayOrInstant | None, Query()]


def span_of(read: ReadCall, start: Any, end: Any) -> Span | None:
    """Return [start, end) as instants; days are local, an end day is inclusive. None: all."""
    if start is None and end is None:
        return None
    if start is None or end is None:
        missing = "start" if start is None else "end"
        raise InvalidInput(errors=[FieldError(f"?{missing}", "missing", "give both or neither")])
    first = start_of(start, read.where.midnight)
    last = end_of(end, read.where.midnight)
    if last <= first:
        raise InvalidInput(errors=[FieldError("?end", "invalid", "must be after start")])
    return Span(first, last)


@router.post(
    "/costs",
    response_model=wire.Cost,
    status_code=201,
    responses=responses(CustomerNotFound, AgentNotFound, MeterNotFound, CostNotFound),
    operation_id="costs.create",
)
def create_cost(body: wire.CostCreate, write: Ingest) -> Response:
    """Store one cost, strictly: unknown names are refused. A repeated key answers the first.

    So does a model call whose `response_id` is known, whichever way it came in.
    """

    def work(tx: Tx) -> wire.Cost:
        key = body.idempotency_key or write.idempotency_key or uuid7_hex()
        if body.adjusts is not None:
            before = record.get(tx, write.space, body.adjusts)
            assert body.amount is not None
            cost, is_new = record.adjust(
                tx,
                write.where,
                before,
                f"api {key}",
                body.amount,
                at=clock.now(),
                now=write.now,
                metadata=body.metadata,
            )
        else:
            made = _make(tx, write, body, key, strict=True)
            ((cost, is_new),) = record.record(tx, write.where, [made], now=write.now)
        if not is_new:
            tx.notes[IDEMPOTENT] = True
        return views.to_wire(cost)

    return write(work, status=201)


@router.post(
    "/costs/batch",
    response_model=BatchResult,
    responses=responses(),
    operation_id="costs.create_batch",
)
def create_costs(body: wire.CostBatch, write: Ingest) -> Response:
    """Store up to 1,000 costs; what is unknown leaves a cost unattributed, and is kept."""

    def work(tx: Tx) -> BatchResult:
        made = []
        for number, item in enumerate(body.costs):
            if item.adjusts is not None:
                where = f"/costs/{number}/adjusts"
                detail = "adjust by POST /costs"
                raise InvalidInput(errors=[FieldError(where, "invalid", detail)])
            key = item.idempotency_key or uuid7_hex()
            made.append(_make(tx, write, item, key, strict=False))
        results = [
            EventResult(
                index=number,
                id=cost.id,
                idempotency_key=cost.key.removeprefix("api "),
                status="accepted" if is_new else "duplicate",
                over_limit=False,
            )
            for number, (cost, is_new) in enumerate(
                record.record(tx, write.where, made, now=write.now)
            )
        ]
        fresh = sum(item.status == "accepted" for item in results)
        return BatchResult(
            accepted=fresh,
            unmatched=0,
            duplicates=len(results) - fresh,
            rejected=0,
            retry=0,
            results=results,
        )

    return write(work)


def _make(tx: Tx, write: WriteCall, item: wire.CostCreate, key: str, *, strict: bool) -> Cost:
    """Return the row of a cost. Errors, where strict: CustomerNotFound; AgentNotFound; …"""
    minor_units(item.currency)
    customer_id = _customer(tx, write, item, strict=strict)
    agent_id = _agent(tx, write, item.agent, strict=strict)
    meter = _cost_meter(tx, write, item.meter, strict=strict)
    category = None if item.category is None else CostCategory(item.category)
    use = None
    if item.provider is not None and item.model is not None:
        tokens = None if item.tokens is None else item.tokens.model_dump()
        use = ModelUse(item.provider, item.model, tokens, item.response_id)
    place = record.Place(
        at=item.timestamp or write.now,
        received_at=clock.now(),
        customer_id=customer_id,
        customer_external_id=item.customer_external_id if customer_id is None else None,
        agent_id=agent_id,
        action_id=_action(tx, write, agent_id, item.action),
    )
    return record.make(
        tx,
        write.space,
        f"api {key}",
        place,
        amount=item.amount,
        currency=item.currency,
        source=Source.DIRECT,
        category=category or (None if meter is None else meter.category),
        meter_id=None if meter is None else meter.id,
        use=use,
        metadata=item.metadata,
    )


def _customer(tx: Tx, write: WriteCall, item: wire.CostCreate, *, strict: bool) -> str | None:
    if item.customer_id is None and item.customer_external_id is None:
        return None
    try:
        return customers.resolve(
            tx,
            write.space,
            customer_id=item.customer_id,
            customer_external_id=item.customer_external_id,
        ).id
    except CustomerNotFound:
        if strict:
            raise
        return None


def _agent(tx: Tx, write: WriteCall, ref: str | None, *, strict: bool) -> str | None:
    if ref is None:
        return None
    agent = catalog.find_agent(tx, write.space, ref)
    if agent is None and strict:
        raise AgentNotFound(agent=ref)
    return None if agent is None else agent.id


def _action(tx: Tx, write: WriteCall, agent_id: str | None, ref: str | None) -> str | None:
    """Return the action by its id or its billable meter's key; an unknown one is left out."""
    if agent_id is None or ref is None:
        return None
    for action in catalog.list_actions(tx, write.space, agent_ids={agent_id}):
        if ref in (action.id, action.billable_meter.key):
            return action.id
    return None


def _cost_meter(tx: Tx, write: WriteCall, ref: str | None, *, strict: bool) -> Meter | None:
    if ref is None:
        return None
    try:
        meter = meters.get_meter(tx, write.space, ref)
    except MeterNotFound:
        if strict:
            raise
        return None
    if meter.kind is not MeterKind.COST:
        raise CostMeterExpected(
            meter=meter.key, errors=[FieldError("/meter", "invalid", "must be a cost meter")]
        )
    return meter


@router.get("/costs", response_model=Page[wire.Cost], operation_id="costs.list")
def list_costs(
    read: Read,
    paging: CursorPaging,
    of: OfCustomer,
    agent: Annotated[str | None, Query(max_length=255)] = None,
    category: meter_wire.CostCategory | None = None,
    source: wire.CostSource | None = None,
    status: wire.CostStatus | None = None,
    event_id: Annotated[str | None, Query(max_length=255)] = None,
    start: Day = None,
    end: Day = None,
) -> Response:
    """List costs by their time, the newest first."""
    page = page_request(read, paging, ("at",))
    span = span_of(read, start, end)

    def work(tx: Tx) -> Page[wire.Cost]:
        rows = lookup.list_page(
            tx,
            read.space,
            page,
            span=span,
            customer_id=of.find(tx, read.space),
            agent_id=None if agent is None else catalog.get_agent(tx, read.space, agent).id,
            category=category,
            source=source,
            status=status,
            event_id=event_id,
        )

        def shape(row: Mapping[Any, Any]) -> wire.Cost:
            return views.to_wire(lookup.from_row(row))

        return to_page(read, page, rows, shape)

    return read(work)


@router.get(
    "/costs/{cost_id}",
    response_model=wire.Cost,
    responses=responses(CostNotFound),
    operation_id="costs.get",
)
def get_cost(cost_id: str, read: Read) -> Response:
    """Return a cost."""
    return read(lambda tx: views.to_wire(record.get(tx, read.space, cost_id)))


@router.post(
    "/costs/reprice",
    response_model=wire.Repriced,
    responses=responses(),
    operation_id="costs.reprice",
)
def reprice(body: wire.Reprice, write: Write) -> Response:
    """Price the model calls of a span anew, as adjustments; what was stored stays."""
    if body.end <= body.start:
        raise InvalidInput(errors=[FieldError("/end", "invalid", "must be after start")])

    def work(tx: Tx) -> wire.Repriced:
        done = record.reprice(
            tx,
            write.where,
            Span(body.start, body.end),
            provider=body.provider,
            model=body.model,
            at=clock.now(),
            now=write.now,
            dry_run=body.dry_run,
        )
        return wire.Repriced(
            looked_at=done.looked_at,
            adjusted=done.adjusted,
            unpriced=done.unpriced,
            difference=done.difference,
        )

    return write(work)


@router.get("/model-prices", response_model=Page[wire.ModelPrice], operation_id="model_prices.list")
def list_model_prices(
    read: Read,
    paging: PartPaging,
    origin: Literal["own", "bundled"] | None = None,
    provider: Annotated[str | None, Query(max_length=100)] = None,
    model: Annotated[str | None, Query(max_length=255)] = None,
) -> Response:
    """List the prices of models: your own, which go first, then the bundled list.

    Of your own `model` is the whole name, of the bundled list a part of it.
    """
    bundled: list[wire.ModelPrice] = []
    if origin != "own":
        bundled = [
            wire.ModelPrice(provider=name, model=known, listed=prices, origin="bundled")
            for name, known, prices in book.list_bundled(provider, model)
        ]

    def work(tx: Tx) -> Page[wire.ModelPrice]:
        own: Sequence[ModelPrice] = ()
        if origin != "bundled":
            own = book.list_own(tx, read.space, provider=provider, model=model)
        return part_of(read, paging, [*map(views.price_to_wire, own), *bundled])

    return read(work)


@router.put(
    "/model-prices",
    response_model=wire.ModelPrice,
    responses=responses(PricesOverlap),
    operation_id="model_prices.put",
)
def put_model_price(body: wire.ModelPricePut, write: Write) -> Response:
    """Set your price of a model from a time on. Calls before it, and stored costs, keep theirs."""
    prices: dict[str, Decimal] = {}
    if body.prices is not None:
        given = {name: getattr(body.prices, name) for name in body.prices.model_fields_set}
        prices = {name: value for name, value in given.items() if value is not None}

    def work(tx: Tx) -> wire.ModelPrice:
        put = book.put(
            tx,
            write.space,
            provider=body.provider,
            model=body.model,
            prices=prices,
            alias_of=body.alias_of,
            effective_from=body.effective_from,
            effective_to=body.effective_to,
            at=clock.now(),
        )
        return views.price_to_wire(put)

    return write(work)


@router.get(
    "/model-prices/unpriced",
    response_model=Page[wire.UnpricedModel],
    operation_id="model_prices.unpriced",
)
def list_unpriced(read: Read, paging: PartPaging) -> Response:
    """List what has no price yet, and why: set one, and reprice."""

    def work(tx: Tx) -> Page[wire.UnpricedModel]:
        return part_of(
            read,
            paging,
            [
                wire.UnpricedModel(
                    provider=provider,
                    model=model,
                    reason=reason,
                    costs=rows,
                    first_at=first,
                    last_at=last,
                )
                for provider, model, reason, rows, first, last in lookup.count_unpriced_models(
                    tx, read.space
                )
            ],
        )

    return read(work)
