"""Subscriptions over HTTP."""

from datetime import date, datetime

from fastapi import APIRouter, Response

from tallybook.server.billing.cancel import cancel
from tallybook.server.billing.change_plan import (
    PlanChanged,
    PlanOrder,
    change_plan,
    preview_change,
)
from tallybook.server.billing.errors import PlanCurrencyDiffers
from tallybook.server.billing.subscribe import subscribe
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
    IllegalTransition,
    SubscriptionNotFound,
    TrialAlreadyUsed,
)
from tallybook.server.subscriptions.models import CollectionMethod, Opening, Order
from tallybook.server.wallets.errors import InsufficientWalletBalance
from tallybook.wire import contracts as contract_wire
from tallybook.wire import subscriptions as wire
from tallybook.wire.base import Page, Ref, end_of, start_of

from .bodies import StrictRoute
from .calls import Read, Write
from .cancels import cancel_order, refund_view
from .contract_terms import negotiated
from .listing import page_of
from .pages import Paging, PartPaging, page_request, part_of
from .paths import PathCustomer
from .problems import responses
from .wallets import OfCustomer

router = APIRouter(tags=["subscriptions"], route_class=StrictRoute)


def _order(body: wire.SubscriptionCreate, where: Space) -> Order:
    terms, period = body.contract, body.billing_period
    start = body.start_date
    return Order(
        plan=body.plan,
        market=body.market,
        billing_period=None if period is None else BillingPeriod(period),
        currency=body.currency,
        is_draft=body.status == "draft",
        opening=Opening(
            start=_start(start, where),
            period_start=_start(body.current_period_start, where),
            period_end=_end(body.current_period_end, where),
            trial_end=_end(body.trial_end, where),
            wants_trial={"active": False, "trialing": True}.get(body.status or ""),
        ),
        negotiated=negotiated(terms),
        name=None if terms is None else terms.name,
        description=None if terms is None else terms.description,
        start_date=None if isinstance(start, datetime) else start,
        end_date=None if terms is None else terms.end_date,
        collection_method=CollectionMethod(body.collection_method),
        payment_terms_days=body.payment_terms,
        metadata=body.metadata,
        terms_at="/contract",
    )


def _start(given: date | None, where: Space) -> datetime | None:
    """Return the instant meant as a start; of a local day its first."""
    return None if given is None else start_of(given, where.midnight)


def _end(given: date | None, where: Space) -> datetime | None:
    """Return the exclusive end meant; a local day is inclusive."""
    return None if given is None else end_of(given, where.midnight)


@router.post(
    "/subscriptions",
    response_model=wire.Subscription,
    status_code=201,
    responses=responses(
        CustomerNotFound,
        PlanNotFound,
        MarketNotFound,
        PlanNotActive,
        PriceNotConfigured,
        AlreadySubscribed,
        TrialAlreadyUsed,
    ),
    operation_id="subscriptions.create",
)
def create_subscription(body: wire.SubscriptionCreate, write: Write) -> Response:
    """Subscribe a customer to a plan, on the plan's terms or on negotiated ones."""

    def work(tx: Tx) -> wire.Subscription:
        customer = customers.resolve(
            tx,
            write.space,
            customer_id=body.customer_id,
            customer_external_id=body.customer_external_id,
        )
        order = _order(body, write.where)
        return views.to_wire(subscribe(tx, write.where, customer, order, at=write.now))

    return write(work, status=201)


@router.get(
    "/subscriptions", response_model=Page[wire.Subscription], operation_id="subscriptions.list"
)
def list_subscriptions(
    read: Read,
    paging: Paging,
    of: OfCustomer,
    status: wire.SubscriptionStatus | None = None,
    plan: Ref | None = None,
    market: Ref | None = None,
) -> Response:
    """List subscriptions; plan and market are ids or keys."""
    page = page_request(read, paging)

    def work(tx: Tx) -> Page[wire.Subscription]:
        found = subscriptions.list_page(
            tx,
            read.space,
            page,
            status=status,
            plan=plan,
            market=market,
            customer_id=of.find(tx, read.space),
        )
        return page_of(read, page, found, views.to_wire)

    return read(work)


@router.get(
    "/customers/{customer_id}/subscriptions",
    response_model=Page[wire.Subscription],
    responses=responses(CustomerNotFound),
    operation_id="subscriptions.list_for_customer",
)
@router.get(
    "/customers/external/{customer_external_id:path}/subscriptions",
    response_model=Page[wire.Subscription],
    responses=responses(CustomerNotFound),
    operation_id="subscriptions.list_for_customer_by_external_id",
)
def list_for_customer(
    of: PathCustomer,
    read: Read,
    paging: Paging,
    status: wire.SubscriptionStatus | None = None,
    plan: Ref | None = None,
    market: Ref | None = None,
) -> Response:
    """List a customer's subscriptions."""
    page = page_request(read, paging)

    def work(tx: Tx) -> Page[wire.Subscription]:
        found = subscriptions.list_page(
            tx,
            read.space,
            page,
            status=status,
            plan=plan,
            market=market,
            customer_id=of.resolve(tx, read.space).id,
        )
        return page_of(read, page, found, views.to_wire)

    return read(work)


@router.get(
    "/subscriptions/{subscription_id}",
    response_model=wire.Subscription,
    responses=responses(SubscriptionNotFound),
    operation_id="subscriptions.get",
)
def get_subscription(subscription_id: str, read: Read) -> Response:
    """Return a subscription."""
    return read(lambda tx: views.to_wire(subscriptions.get(tx, read.space, subscription_id)))


@router.get(
    "/subscriptions/{subscription_id}/contracts",
    response_model=Page[contract_wire.Contract],
    responses=responses(SubscriptionNotFound),
    operation_id="subscriptions.list_contracts",
)
def list_contracts(subscription_id: str, read: Read, paging: PartPaging) -> Response:
    """Return every version of the subscription's contract, the newest first."""

    def work(tx: Tx) -> Page[contract_wire.Contract]:
        history = subscriptions.list_versions(tx, read.space, subscription_id)
        return part_of(read, paging, [views.contract_to_wire(one) for one in history])

    return read(work)


@router.get(
    "/subscriptions/{subscription_id}/resolved-terms",
    response_model=wire.ResolvedTerms,
    responses=responses(SubscriptionNotFound),
    operation_id="subscriptions.get_resolved_terms",
)
def get_resolved_terms(subscription_id: str, read: Read) -> Response:
    """Return the terms that hold now: what invoices and access checks use."""

    def work(tx: Tx) -> wire.ResolvedTerms:
        agreement = subscriptions.get_agreement(tx, read.space, subscription_id)
        return views.resolved_terms(agreement)

    return read(work)


@router.post(
    "/subscriptions/{subscription_id}/suspend",
    response_model=wire.Subscription,
    responses=responses(SubscriptionNotFound, IllegalTransition),
    operation_id="subscriptions.suspend",
)
def suspend_subscription(
    subscription_id: str, write: Write, body: contract_wire.Suspend | None = None
) -> Response:
    """Stop access and new charges until resumed; the period is not extended."""
    given = body or contract_wire.Suspend()

    def work(tx: Tx) -> wire.Subscription:
        sub = suspend(
            tx,
            write.where,
            subscription_id,
            reason=given.reason,
            resume_at=_start(given.resume_date, write.where),
            at=write.now,
        )
        return views.to_wire(sub)

    return write(work)


@router.post(
    "/subscriptions/{subscription_id}/resume",
    response_model=wire.Subscription,
    responses=responses(SubscriptionNotFound, IllegalTransition),
    operation_id="subscriptions.resume",
)
def resume_subscription(
    subscription_id: str, write: Write, body: contract_wire.Resume | None = None
) -> Response:
    """Lift a suspension, or withdraw a cancel that has not taken effect."""
    given = body or contract_wire.Resume()

    def work(tx: Tx) -> wire.Subscription:
        sub = resume(
            tx,
            write.where,
            subscription_id,
            reason=given.reason,
            resume_at=_start(given.resume_date, write.where),
            at=write.now,
        )
        return views.to_wire(sub)

    return write(work)


@router.post(
    "/subscriptions/{subscription_id}/cancel",
    response_model=wire.Cancellation,
    responses=responses(SubscriptionNotFound, IllegalTransition),
    operation_id="subscriptions.cancel",
)
def cancel_subscription(
    subscription_id: str, write: Write, body: contract_wire.Cancel | None = None
) -> Response:
    """Cancel at the end of the period, or at once; usage so far goes on a final invoice."""
    order = cancel_order(body or contract_wire.Cancel())

    def work(tx: Tx) -> wire.Cancellation:
        done = cancel(tx, write.where, subscription_id, order, at=write.now)
        return wire.Cancellation(
            subscription=views.to_wire(done.subscription),
            refund=refund_view(done),
            final_invoice_id=done.final_invoice_id,
        )

    return write(work)


@router.post(
    "/subscriptions/{subscription_id}/change-plan",
    response_model=wire.PlanChange,
    responses=responses(
        SubscriptionNotFound,
        PlanNotFound,
        MarketNotFound,
        PlanNotActive,
        PriceNotConfigured,
        PlanCurrencyDiffers,
        AlreadySubscribed,
        IllegalTransition,
        InsufficientWalletBalance,
    ),
    operation_id="subscriptions.change_plan",
)
def change_subscription_plan(
    subscription_id: str, body: wire.PlanChangeRequest, write: Write
) -> Response:
    """Change the plan: at once within the billing period, another one with the next period."""
    period = body.billing_period
    order = PlanOrder(
        plan=body.new_plan,
        billing_period=None if period is None else BillingPeriod(period),
        market=body.market,
        at_once=body.timing == "immediate",
    )

    def work(tx: Tx) -> wire.PlanChange:
        do = preview_change if body.preview else change_plan
        return _plan_change(do(tx, write.where, subscription_id, order, at=write.now))

    return write(work)


def _plan_change(done: PlanChanged) -> wire.PlanChange:
    cost, scheduled = done.proration, done.scheduled
    return wire.PlanChange(
        subscription=views.to_wire(done.subscription),
        proration=None
        if cost is None
        else wire.Proration(
            net_adjustment=cost.net_adjustment,
            prepaid_refund=cost.prepaid_refund,
            new_plan_charge=cost.new_plan_charge,
            usage_charges=cost.usage_charges,
            currency=cost.currency,
        ),
        scheduled_change=None if scheduled is None else views.change_to_wire(scheduled),
    )
