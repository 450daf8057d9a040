"""Plans."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Unpack

from tallybook.client.encoding import Json
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import path
from tallybook.client.types.plans import Plan
from tallybook.wire import plans as wire
from tallybook.wire.periods import BillingPeriodInput

from .meter_prices import MeterPrices
from .pages import Page
from .plan_charges import PlanCharges
from .resources import Resource
from .verbs import listing, raw


class Plans(Resource):
    """`client.plans`. A plan is named by its id or key."""

    @cached_property
    def with_raw_response(self) -> "PlansRaw":
        return PlansRaw(self)

    @cached_property
    def charges(self) -> PlanCharges:
        return PlanCharges(self._client)

    @cached_property
    def meter_prices(self) -> MeterPrices:
        return MeterPrices(self._client)

    def create(
        self,
        *,
        name: str,
        key: str,
        description: str | NotGiven | None = NOT_GIVEN,
        target_audience: wire.Audience | NotGiven = NOT_GIVEN,
        currency: str | NotGiven | None = NOT_GIVEN,
        category: wire.PlanCategory | NotGiven = NOT_GIVEN,
        plan_type: wire.PlanType | NotGiven = NOT_GIVEN,
        billing_period: BillingPeriodInput | NotGiven = NOT_GIVEN,
        trial_available: bool | NotGiven = NOT_GIVEN,
        trial_days: int | NotGiven | None = NOT_GIVEN,
        status: wire.PlanStatus | NotGiven = NOT_GIVEN,
        parent_plan: str | NotGiven | None = NOT_GIVEN,
        features: Sequence[str] | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Plan:
        """Return the new plan. Errors: ConflictError `key_taken`."""
        body = given(
            name=name,
            key=key,
            description=description,
            target_audience=target_audience,
            currency=currency,
            category=category,
            plan_type=plan_type,
            billing_period=billing_period,
            trial_available=trial_available,
            trial_days=trial_days,
            status=status,
            parent_plan=parent_plan,
            features=features,
            metadata=metadata,
        )
        return self._write("POST", "/plans", Plan, options, body)

    def get(self, plan: str, **options: Unpack[CallOptions]) -> Plan:
        """Return the plan."""
        return self._get(path("plans", plan), Plan, options)

    @listing
    def list(
        self,
        *,
        status: wire.PlanStatus | None = None,
        plan_type: wire.PlanType | None = None,
        search: str | None = None,
        **options: Unpack[ListOptions],
    ) -> Page[Plan]:
        """Return plans, newest first; `search` looks in name and key."""
        query = {"status": status, "plan_type": plan_type, "search": search}
        return self._list("/plans", Plan, options, query)

    def update(
        self,
        plan: str,
        *,
        name: str | NotGiven = NOT_GIVEN,
        key: str | NotGiven = NOT_GIVEN,
        description: str | NotGiven | None = NOT_GIVEN,
        target_audience: wire.Audience | NotGiven = NOT_GIVEN,
        currency: str | NotGiven = NOT_GIVEN,
        category: wire.PlanCategory | NotGiven = NOT_GIVEN,
        plan_type: wire.PlanType | NotGiven = NOT_GIVEN,
        billing_period: BillingPeriodInput | NotGiven = NOT_GIVEN,
        trial_available: bool | NotGiven = NOT_GIVEN,
        trial_days: int | NotGiven | None = NOT_GIVEN,
        status: wire.PlanStatus | NotGiven = NOT_GIVEN,
        parent_plan: str | NotGiven | None = NOT_GIVEN,
        features: Sequence[str] | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json | None] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Plan:
        """Return the plan's next version, with the given fields changed.

        Live subscriptions keep the version that they signed.
        """
        body = given(
            name=name,
            key=key,
            description=description,
            target_audience=target_audience,
            currency=currency,
            category=category,
            plan_type=plan_type,
            billing_period=billing_period,
            trial_available=trial_available,
            trial_days=trial_days,
            status=status,
            parent_plan=parent_plan,
            features=features,
            metadata=metadata,
        )
        return self._write("PATCH", path("plans", plan), Plan, options, body)

    def delete(self, plan: str, **options: Unpack[WriteOptions]) -> None:
        """Archive the plan. Errors: ConflictError `plan_in_use`."""
        self._delete(path("plans", plan), options)


class PlansRaw:
    """The verbs of `client.plans`, each answering an APIResponse."""

    def __init__(self, plans: Plans) -> None:
        self.create = raw(plans.create)
        self.get = raw(plans.get)
        self.list = raw(plans.list)
        self.update = raw(plans.update)
        self.delete = raw(plans.delete)
