"""Subscriptions: customers on plans."""

from functools import cached_property
from typing import Literal, Unpack

from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import customer_fields, customer_filter, customer_path, path
from tallybook.client.responses import Result
from tallybook.client.types import subscriptions as types
from tallybook.wire import subscriptions as wire

from .pages import AsyncPage
from .resources import AsyncObject, AsyncResource
from .verbs import listing, raw


class AsyncSubscription(AsyncObject, wire.Subscription):
    """A customer on a plan."""

    def is_active(self) -> bool:
        """Tell whether it runs in order, a trial counting as well, as of this answer."""
        return self.status in ("active", "trialing")

    def is_trialing(self) -> bool:
        """Tell whether it is in its trial, as of this answer."""
        return self.status == "trialing"

    async def cancel(self, **options: Unpack[types.CancelOptions]) -> "AsyncCancellation":
        """Cancel at the end of the period, or at once; see `subscriptions.cancel`."""
        return await self._client.subscriptions.cancel(self.id, **options)

    async def change_plan(
        self,
        new_plan: str,
        *,
        billing_period: types.BillingPeriod | NotGiven | None = NOT_GIVEN,
        market: str | NotGiven | None = NOT_GIVEN,
        timing: Literal["immediate", "period_end"] | NotGiven = NOT_GIVEN,
        preview: bool | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> "AsyncPlanChange":
        """Change to another plan or price; see `subscriptions.change_plan`."""
        return await self._client.subscriptions.change_plan(
            self.id,
            new_plan,
            billing_period=billing_period,
            market=market,
            timing=timing,
            preview=preview,
            **options,
        )

    async def suspend(self, **options: Unpack[types.PauseOptions]) -> "AsyncSubscription":
        """Stop access and new charges until resumed."""
        return await self._client.subscriptions.suspend(self.id, **options)

    async def resume(self, **options: Unpack[types.PauseOptions]) -> "AsyncSubscription":
        """Lift a suspension, or withdraw a cancel that has not taken effect."""
        return await self._client.subscriptions.resume(self.id, **options)

    async def get_resolved_terms(self, **options: Unpack[CallOptions]) -> types.ResolvedTerms:
        """Return the terms that hold now, each value with its source."""
        return await self._client.subscriptions.get_resolved_terms(self.id, **options)

    @listing
    async def list_contracts(self, **options: Unpack[ListOptions]) -> AsyncPage[types.Contract]:
        """Return every version of its contract, newest first."""
        return await self._client.subscriptions.list_contracts(self.id, **options)


class AsyncCancellation(Result, wire.Cancellation):
    """The subscription after a cancel, and what was given back."""

    subscription: AsyncSubscription


class AsyncPlanChange(Result, wire.PlanChange):
    """The subscription after a change of plan, and what it cost."""

    subscription: AsyncSubscription


class AsyncSubscriptions(AsyncResource):
    """`client.subscriptions`."""

    @cached_property
    def with_raw_response(self) -> "AsyncSubscriptionsRaw":
        return AsyncSubscriptionsRaw(self)

    async def create(
        self,
        *,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        plan: str,
        **options: Unpack[types.SubscribeOptions],
    ) -> AsyncSubscription:
        """Return the new subscription, on the plan's terms or on negotiated ones.

        Without market and billing period it is on the plan's default price.
        Errors: UnprocessableEntityError `price_not_configured`, `plan_not_active`;
            ConflictError `already_subscribed`.
        """
        body, rest = types.split_options(options)
        if "contract" in body:
            body["contract"] = types.contract_terms(body["contract"])
        body = {**customer_fields(customer_id, customer_external_id), "plan": plan, **body}
        return await self._write("POST", "/subscriptions", AsyncSubscription, rest, body)

    async def get(self, id: str, **options: Unpack[CallOptions]) -> AsyncSubscription:
        """Return a subscription."""
        return await self._get(path("subscriptions", id), AsyncSubscription, options)

    @listing
    async def list(
        self,
        *,
        status: wire.SubscriptionStatus | None = None,
        plan: str | None = None,
        market: str | None = None,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        **options: Unpack[ListOptions],
    ) -> AsyncPage[AsyncSubscription]:
        """Return subscriptions, newest first."""
        query = {
            "status": status,
            "plan": plan,
            "market": market,
            **customer_filter(customer_id, customer_external_id),
        }
        return await self._list("/subscriptions", AsyncSubscription, options, query)

    @listing
    async def list_for_customer(
        self,
        customer_id: str | None = None,
        *,
        customer_external_id: str | None = None,
        status: wire.SubscriptionStatus | None = None,
        plan: str | None = None,
        market: str | None = None,
        **options: Unpack[ListOptions],
    ) -> AsyncPage[AsyncSubscription]:
        """Return a customer's subscriptions, newest first."""
        address = customer_path(customer_id, customer_external_id, "subscriptions")
        query = {"status": status, "plan": plan, "market": market}
        return await self._list(address, AsyncSubscription, options, query)

    async def cancel(self, id: str, **options: Unpack[types.CancelOptions]) -> AsyncCancellation:
        """Cancel: by default when the period ends, without a refund.

        Errors: ConflictError `invalid_state_transition`, where it is canceled already.
        """
        body, rest = types.split_options(options)
        address = path("subscriptions", id, "cancel")
        return await self._write("POST", address, AsyncCancellation, rest, body)

    async def change_plan(
        self,
        id: str,
        new_plan: str,
        *,
        billing_period: types.BillingPeriod | NotGiven | None = NOT_GIVEN,
        market: str | NotGiven | None = NOT_GIVEN,
        timing: Literal["immediate", "period_end"] | NotGiven = NOT_GIVEN,
        preview: bool | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> AsyncPlanChange:
        """Change to another plan or price; with `preview`, only work out what it would cost.

        A change of billing period waits for the next period.
        Errors: InsufficientBalanceError (nothing is changed); ConflictError.
        """
        body = given(
            new_plan=new_plan,
            billing_period=billing_period,
            market=market,
            timing=timing,
            preview=preview,
        )
        address = path("subscriptions", id, "change-plan")
        return await self._write("POST", address, AsyncPlanChange, options, body)

    async def suspend(self, id: str, **options: Unpack[types.PauseOptions]) -> AsyncSubscription:
        """Stop access and new charges until resumed; the period is not extended."""
        body, rest = types.split_options(options)
        address = path("subscriptions", id, "suspend")
        return await self._write("POST", address, AsyncSubscription, rest, body)

    async def resume(self, id: str, **options: Unpack[types.PauseOptions]) -> AsyncSubscription:
        """Lift a suspension, or withdraw a cancel that has not taken effect."""
        body, rest = types.split_options(options)
        address = path("subscriptions", id, "resume")
        return await self._write("POST", address, AsyncSubscription, rest, body)

    async def get_resolved_terms(
        self, id: str, **options: Unpack[CallOptions]
    ) -> types.ResolvedTerms:
        """Return the terms that hold now, each value with its source."""
        address = path("subscriptions", id, "resolved-terms")
        return await self._get(address, types.ResolvedTerms, options)

    @listing
    async def list_contracts(
        self, id: str, **options: Unpack[ListOptions]
    ) -> AsyncPage[types.Contract]:
        """Return every version of a subscription's contract, newest first."""
        return await self._list(path("subscriptions", id, "contracts"), types.Contract, options)


class AsyncSubscriptionsRaw:
    """The verbs of `client.subscriptions`, each answering an APIResponse."""

    def __init__(self, subscriptions: AsyncSubscriptions) -> None:
        self.create = raw(subscriptions.create)
        self.get = raw(subscriptions.get)
        self.list = raw(subscriptions.list)
        self.list_for_customer = raw(subscriptions.list_for_customer)
        self.cancel = raw(subscriptions.cancel)
        self.change_plan = raw(subscriptions.change_plan)
        self.suspend = raw(subscriptions.suspend)
        self.resume = raw(subscriptions.resume)
        self.get_resolved_terms = raw(subscriptions.get_resolved_terms)
        self.list_contracts = raw(subscriptions.list_contracts)
