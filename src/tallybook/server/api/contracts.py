"""Contracts over HTTP."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response

from tallybook.server.billing.cancel import cancel
from tallybook.server.billing.renew import schedule_next
from tallybook.server.billing.subscribe import begin_billing, subscribe
from tallybook.server.billing.suspend import resume, suspend
from tallybook.server.catalog.errors import (
    MarketNotFound,
    PlanNotActive,
    PlanNotFound,
    PriceNotConfigured,
)
from tallybook.server.customers import service as customers
from tallybook.server.customers.errors import CustomerNotFound
from tallybook.server.identity.models import Space
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions import views
from tallybook.server.subscriptions.errors import (
    AlreadySubscribed,
    ContractNotFound,
    ContractNotReady,
    IllegalTransition,
    TrialAlreadyUsed,
)
from tallybook.server.subscriptions.models import CollectionMethod, Opening, Order
from tallybook.wire import contracts as wire
from tallybook.wire.base import Page, Ref, start_of

from .bodies import StrictRoute
from .calls import Read, Write, WriteCall
from .cancels import cancel_order, refund_view
from .contract_terms import negotiated, overrides
from .listing import page_of
from .pages import Paging, page_request
from .problems import responses
from .wallets import OfCustomer

router = APIRouter(prefix="/contracts", tags=["contracts"], route_class=StrictRoute)
SORTS = ("created_at", "name")


def _order(body: wire.ContractCreate, where: Space) -> Order:
    period = body.billing_period
    return Order(
        plan=body.plan,
        market=body.market,
        billing_period=None if period is None else BillingPeriod(period),
        currency=body.currency,
        is_draft=True,
        opening=Opening(start=where.midnight(body.start_date)),
        negotiated=negotiated(body),
        name=body.name,
        description=body.description,
        start_date=body.start_date,
        end_date=body.end_date,
        collection_method=CollectionMethod(body.collection_method),
        payment_terms_days=body.payment_terms,
        contract_metadata=body.metadata,
        default_price_serves=True,
    )


def _changes(body: wire.ContractUpdate) -> dict[str, Any]:
    """The fields that the caller gave, as the room's facts."""
    changes: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    if "billing_period" in changes:
        changes["billing_period"] = BillingPeriod(changes["billing_period"])
    if "collection_method" in changes:
        changes["collection_method"] = CollectionMethod(changes["collection_method"])
    if "payment_terms" in changes:
        changes["payment_terms_days"] = changes.pop("payment_terms")
    if "meter_overrides" in changes:
        changes["meter_overrides"] = overrides(changes["meter_overrides"])
    return changes


@router.post(
    "",
    response_model=wire.Contract,
    status_code=201,
    responses=responses(
        CustomerNotFound, PlanNotFound, MarketNotFound, PlanNotActive, PriceNotConfigured
    ),
    operation_id="contracts.create",
)
def create_contract(body: wire.ContractCreate, write: Write) -> Response:
    """Draft a contract: the plan's prices are copied now; activating it starts it."""

    def work(tx: Tx) -> wire.Contract:
        customer = customers.resolve(
            tx,
            write.space,
            customer_id=body.customer_id,
            customer_external_id=body.customer_external_id,
        )
        sub = subscribe(tx, write.where, customer, _order(body, write.where), at=write.now)
        return _shown(tx, write, sub.contract_id)

    return write(work, status=201)


@router.get("", response_model=Page[wire.Contract], operation_id="contracts.list")
def list_contracts(
    read: Read,
    paging: Paging,
    of: OfCustomer,
    status: wire.ContractStatus | None = None,
    plan: Ref | None = None,
) -> Response:
    """List contracts, each in its newest version; `plan` is an id or key."""
    page = page_request(read, paging, SORTS)

    def work(tx: Tx) -> Page[wire.Contract]:
        customer_id = of.find(tx, read.space)
        found = subscriptions.list_contracts(
            tx, read.space, page, status=status, plan=plan, customer_id=customer_id
        )
        return page_of(read, page, found, views.contract_to_wire)

    return read(work)


@router.get(
    "/{contract_id}",
    response_model=wire.Contract,
    responses=responses(ContractNotFound),
    operation_id="contracts.get",
)
def get_contract(contract_id: str, read: Read) -> Response:
    """Return a contract in its newest version."""

    def work(tx: Tx) -> wire.Contract:
        return views.contract_to_wire(subscriptions.get_contract(tx, read.space, contract_id))

    return read(work)


@router.patch(
    "/{contract_id}",
    response_model=wire.Contract,
    responses=responses(ContractNotFound, IllegalTransition, PriceNotConfigured),
    operation_id="contracts.update",
)
def update_contract(contract_id: str, body: wire.ContractUpdate, write: Write) -> Response:
    """Change the given fields; other prices of a contract that runs hold from the next period."""

    def work(tx: Tx) -> wire.Contract:
        changes = _changes(body)
        edited = subscriptions.update_contract(tx, write.where, contract_id, changes, at=write.now)
        schedule_next(tx, write.space, edited.subscription)  # its end date may have moved
        return views.contract_to_wire(edited)

    return write(work)


@router.post(
    "/{contract_id}/activate",
    response_model=wire.Contract,
    responses=responses(
        ContractNotFound,
        CustomerNotFound,
        AlreadySubscribed,
        TrialAlreadyUsed,
        IllegalTransition,
        ContractNotReady,
    ),
    operation_id="contracts.activate",
)
def activate_contract(
    contract_id: str, write: Write, body: wire.ContractActivate | None = None
) -> Response:
    """Start a draft: its first period begins at its start date, or on the day given."""
    given = body or wire.ContractActivate()
    day = given.activation_date

    def work(tx: Tx) -> wire.Contract:
        activated = subscriptions.activate(
            tx,
            write.where,
            contract_id,
            start=None if day is None else write.where.midnight(day),
            skip_validation=given.skip_validation,
            at=write.now,
        )
        begin_billing(tx, write.where, activated.subscription, at=write.now)
        return _shown(tx, write, contract_id)

    return write(work)


@router.post(
    "/{contract_id}/suspend",
    response_model=wire.Contract,
    responses=responses(ContractNotFound, IllegalTransition),
    operation_id="contracts.suspend",
)
def suspend_contract(contract_id: str, write: Write, body: wire.Suspend | None = None) -> Response:
    """Stop access and new charges until resumed; the period is not extended."""
    given = body or wire.Suspend()

    def work(tx: Tx) -> wire.Contract:
        contract = subscriptions.get_contract(tx, write.space, contract_id)
        suspend(
            tx,
            write.where,
            contract.subscription.id,
            reason=given.reason,
            resume_at=_resume_at(given.resume_date, write),
            at=write.now,
        )
        return _shown(tx, write, contract_id)

    return write(work)


@router.post(
    "/{contract_id}/resume",
    response_model=wire.Contract,
    responses=responses(ContractNotFound, IllegalTransition),
    operation_id="contracts.resume",
)
def resume_contract(contract_id: str, write: Write, body: wire.Resume | None = None) -> Response:
    """Lift a suspension, or withdraw a cancel that has not taken effect."""
    given = body or wire.Resume()

    def work(tx: Tx) -> wire.Contract:
        contract = subscriptions.get_contract(tx, write.space, contract_id)
        resume(
            tx,
            write.where,
            contract.subscription.id,
            reason=given.reason,
            resume_at=_resume_at(given.resume_date, write),
            at=write.now,
        )
        return _shown(tx, write, contract_id)

    return write(work)


@router.post(
    "/{contract_id}/cancel",
    response_model=wire.ContractCancellation,
    responses=responses(ContractNotFound, IllegalTransition),
    operation_id="contracts.cancel",
)
def cancel_contract(contract_id: str, write: Write, body: wire.Cancel | None = None) -> Response:
    """Cancel the contract's subscription, at the end of the period or at once."""
    order = cancel_order(body or wire.Cancel())

    def work(tx: Tx) -> wire.ContractCancellation:
        contract = subscriptions.get_contract(tx, write.space, contract_id)
        done = cancel(tx, write.where, contract.subscription.id, order, at=write.now)
        return wire.ContractCancellation(
            contract=_shown(tx, write, contract_id),
            refund=refund_view(done),
            final_invoice_id=done.final_invoice_id,
        )

    return write(work)


def _resume_at(given: Any, write: WriteCall) -> datetime | None:
    return None if given is None else start_of(given, write.where.midnight)


def _shown(tx: Tx, write: WriteCall, contract_id: str) -> wire.Contract:
    return views.contract_to_wire(subscriptions.get_contract(tx, write.space, contract_id))
