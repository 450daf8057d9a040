"""Budgets over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from tallybook.server.catalog import service as catalog
from tallybook.server.catalog.errors import AgentNotFound
from tallybook.server.costs import budgets, views
from tallybook.server.costs.budgets import Standing
from tallybook.server.costs.errors import BudgetNotFound
from tallybook.server.costs.models import BudgetKind, BudgetPeriod
from tallybook.server.customers import service as customers
from tallybook.server.customers.errors import CustomerNotFound
from tallybook.server.customers.models import Customer
from tallybook.server.kernel import clock
from tallybook.server.storage import Tx
from tallybook.wire import budgets as wire
from tallybook.wire.base import Page

from .bodies import StrictRoute
from .calls import Read, ReadCall, Write
from .pages import Paging, page_request, to_page
from .problems import responses
from .wallets import OfCustomer

router = APIRouter(prefix="/budgets", tags=["costs"], route_class=StrictRoute)


def _shown(tx: Tx, call: ReadCall, found: Standing) -> wire.Budget:
    external_id = budgets.external_id_of(tx, call.space, found.budget)
    return views.budget_to_wire(found.budget, found.window, external_id)


@router.post(
    "",
    response_model=wire.Budget,
    status_code=201,
    responses=responses(CustomerNotFound, AgentNotFound),
    operation_id="budgets.create",
)
def create_budget(body: wire.BudgetCreate, write: Write) -> Response:
    """Set a budget; what its period that runs has cost already is in it."""

    def work(tx: Tx) -> wire.Budget:
        customer = _customer(tx, body, write)
        agent = None if body.agent is None else catalog.get_agent(tx, write.space, body.agent)
        theirs = None if customer is None else customer.currency
        made = budgets.create(
            tx,
            write.where,
            name=body.name,
            customer_id=None if customer is None else customer.id,
            agent_id=None if agent is None else agent.id,
            kind=BudgetKind(body.kind),
            amount=body.amount,
            currency=body.currency or theirs or write.where.default_currency,
            period=BudgetPeriod(body.period),
            thresholds=body.thresholds,
            hard_stop=body.hard_stop,
            metadata=body.metadata,
            now=write.now,
            at=clock.now(),
        )
        return _shown(tx, write, made)

    return write(work, status=201)


def _customer(tx: Tx, body: wire.BudgetCreate, call: ReadCall) -> Customer | None:
    if body.customer_id is None and body.customer_external_id is None:
        return None
    return customers.resolve(
        tx,
        call.space,
        customer_id=body.customer_id,
        customer_external_id=body.customer_external_id,
    )


@router.get("", response_model=Page[wire.Budget], operation_id="budgets.list")
def list_budgets(
    read: Read,
    paging: Paging,
    of: OfCustomer,
    agent: Annotated[str | None, Query(max_length=255)] = None,
) -> Response:
    """List budgets, newest first."""
    page = page_request(read, paging)

    def work(tx: Tx) -> Page[wire.Budget]:
        rows = budgets.list_page(
            tx,
            read.space,
            page,
            customer_id=of.find(tx, read.space),
            agent_id=None if agent is None else catalog.get_agent(tx, read.space, agent).id,
        )

        def shape(row: Any) -> wire.Budget:
            found = budgets.standing(tx, read.where, budgets.from_row(row), now=read.now)
            return _shown(tx, read, found)

        return to_page(read, page, rows, shape)

    return read(work)


@router.get(
    "/{budget_id}",
    response_model=wire.Budget,
    responses=responses(BudgetNotFound),
    operation_id="budgets.get",
)
def get_budget(budget_id: str, read: Read) -> Response:
    """Return a budget, with what is spent of it in the period now."""

    def work(tx: Tx) -> wire.Budget:
        return _shown(tx, read, budgets.get(tx, read.where, budget_id, now=read.now))

    return read(work)


@router.patch(
    "/{budget_id}",
    response_model=wire.Budget,
    responses=responses(BudgetNotFound),
    operation_id="budgets.update",
)
def update_budget(budget_id: str, body: wire.BudgetUpdate, write: Write) -> Response:
    """Change the given fields; a threshold that is no longer reached may be told again."""
    fields: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}

    def work(tx: Tx) -> wire.Budget:
        done = budgets.update(tx, write.where, budget_id, fields, now=write.now, at=clock.now())
        return _shown(tx, write, done)

    return write(work)


@router.delete(
    "/{budget_id}",
    status_code=204,
    responses=responses(BudgetNotFound),
    operation_id="budgets.delete",
)
def delete_budget(budget_id: str, write: Write) -> Response:
    """Delete a budget; access that it denied is given back."""
    return write(lambda tx: budgets.remove(tx, write.where, budget_id, now=write.now))
