"""Prices of plans, catalogs for a checkout, and estimates."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any, TypeVar, Unpack

import httpx2

from tallybook.client.encoding import DecimalInput, Json, decimal
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import path
from tallybook.client.responses import M, Origin, parse_page, without_raw
from tallybook.client.types.plans import (
    Estimate,
    EstimateOptions,
    MeterPrice,
    PlanCatalog,
    PlanPrice,
    PriceOptions,
    UnavailablePlan,
    split_terms,
)
from tallybook.client.types.subscriptions import MeterOverride
from tallybook.client.types.subscriptions import meter_overrides as written
from tallybook.wire import prices as wire
from tallybook.wire.periods import BillingPeriodInput

from .meter_prices import MeterPrices
from .pages import Page, PageSource
from .rehearsals import Rehearsal
from .resources import Resource
from .verbs import listing, raw

T = TypeVar("T")
DayOrInstant = date | datetime | str


class PlanCatalogPage(Page[T]):
    """Plans that can be had; `unavailable` names the active ones that cannot."""

    @property
    def unavailable(self) -> list[UnavailablePlan]:
        return [UnavailablePlan.model_validate(one) for one in self.extra.get("unavailable", [])]


class PlanCatalogs(Resource):
    """Makes the pages of `client.pricing.list_plan_catalogs`."""

    def _page(
        self, path: str, model: type[M], query: Mapping[str, Any], options: Mapping[str, Any]
    ) -> PlanCatalogPage[M]:
        def parse(response: httpx2.Response) -> PlanCatalogPage[M]:
            parsed = parse_page(response, model, self._client)
            source = PageSource(self, path, model, query, without_raw(options))
            return PlanCatalogPage(parsed, Origin.of(response, self._client), source)

        return self._call("GET", path, parse, options, query=query)


class Pricing(Resource):
    """`client.pricing`. A plan and a market are named by id or key."""

    @cached_property
    def with_raw_response(self) -> "PricingRaw":
        return PricingRaw(self)

    def add_price_to_plan(
        self,
        plan: str,
        *,
        market: str,
        base_price: DecimalInput,
        billing_period: BillingPeriodInput,
        copy_meter_pricing_from: str | NotGiven | None = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> PlanPrice:
        """Return the new price; its `warnings` say what to look at.

        copy_meter_pricing_from is the id of a plan price; its numbers are copied as they are.
        Errors: ConflictError `price_exists`.
        """
        body = given(
            market=market,
            base_price=decimal(base_price),
            billing_period=billing_period,
            copy_meter_pricing_from=copy_meter_pricing_from,
        )
        return self._write("POST", path("plans", plan, "prices"), PlanPrice, options, body)

    @listing
    def list_prices(self, plan: str, **options: Unpack[ListOptions]) -> Page[PlanPrice]:
        """Return the prices of the plan."""
        return self._list(path("plans", plan, "prices"), PlanPrice, options)

    def update_price(
        self, id: str, base_price: DecimalInput, **options: Unpack[WriteOptions]
    ) -> PlanPrice:
        """Return the plan price with the base price that new subscriptions sign."""
        body = given(base_price=decimal(base_price))
        return self._write("PATCH", path("plan-prices", id), PlanPrice, options, body)

    def add_to_plan(
        self,
        plan: str,
        *,
        pricing_model: wire.PricingModelInput,
        meter: str | NotGiven | None = NOT_GIVEN,
        agent_action_id: str | NotGiven | None = NOT_GIVEN,
        plan_price_id: str | NotGiven | None = NOT_GIVEN,
        market: str | NotGiven | None = NOT_GIVEN,
        billing_period: BillingPeriodInput | NotGiven | None = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[PriceOptions],
    ) -> MeterPrice:
        """Return the price of a meter: another name of `plans.meter_prices.create`."""
        return MeterPrices(self._client).create(
            plan,
            pricing_model=pricing_model,
            meter=meter,
            agent_action_id=agent_action_id,
            plan_price_id=plan_price_id,
            market=market,
            billing_period=billing_period,
            metadata=metadata,
            **options,
        )

    def get_plan_catalog(
        self,
        plan: str,
        *,
        market: str,
        billing_period: BillingPeriodInput | None = None,
        **options: Unpack[CallOptions],
    ) -> PlanCatalog:
        """Return the plan as the market sells it; `market_price` where the period is chosen."""
        query = {"market": market, "billing_period": billing_period}
        return self._get(path("plans", plan, "catalog"), PlanCatalog, options, query)

    @listing
    def list_plan_catalogs(
        self,
        *,
        market: str,
        billing_period: BillingPeriodInput | None = None,
        **options: Unpack[ListOptions],
    ) -> PlanCatalogPage[PlanCatalog]:
        """Return the active plans that the market sells, and `unavailable`: those it does not."""
        query = {"market": market, "billing_period": billing_period}
        catalogs: Any = PlanCatalogs(self._client)
        page: PlanCatalogPage[PlanCatalog] = catalogs._list(
            "/plan-catalogs", PlanCatalog, options, query
        )
        return page

    def estimate(
        self,
        quantity: DecimalInput,
        pricing_model: wire.PricingModelInput,
        *,
        currency: str | NotGiven = NOT_GIVEN,
        **options: Unpack[EstimateOptions],
    ) -> Estimate:
        """Return what the quantity costs on the terms given; nothing is stored.

        Errors: UnprocessableEntityError `price_shape_invalid`, `uncovered_quantity`.
        """
        terms, rest = split_terms(options)
        body = terms | given(
            quantity=decimal(quantity), pricing_model=pricing_model, currency=currency
        )
        return self._write("POST", "/pricing/estimate", Estimate, rest, body)

    def rehearse(
        self,
        plan_price: str | PlanPrice,
        start: DayOrInstant,
        end: DayOrInstant,
        *,
        market: str | NotGiven = NOT_GIVEN,
        billing_period: BillingPeriodInput | NotGiven = NOT_GIVEN,
        base_price: DecimalInput | NotGiven = NOT_GIVEN,
        meter_overrides: Sequence[MeterOverride] | NotGiven = NOT_GIVEN,
        customers_of: str | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Rehearsal:
        """Rate the real usage of past billing periods on a price; nothing is billed.

        plan_price is a plan price, its id, or a plan, whose default price is taken unless market
        and billing_period name another. base_price and meter_overrides try what no plan has
        yet. The periods that began from start to end (a date is inclusive) are compared, of the
        plan's customers, those of `customers_of`, or, where the plan has none, everybody.
        Returns a job: `.wait()` gives its result.
        """
        if isinstance(plan_price, PlanPrice):
            plan, price = plan_price.plan_id, plan_price.id
        else:
            plan, price = plan_price, None
        body = given(
            plan_price_id=NOT_GIVEN if price is None else price,
            start=start,
            end=end,
            market=market,
            billing_period=billing_period,
            base_price=decimal(base_price),
            meter_overrides=written(meter_overrides),
            customers_of=customers_of,
        )
        target = path("plans", plan, "rehearsals")
        return self._write("POST", target, Rehearsal, options, body)


class PricingRaw:
    """The verbs of `client.pricing`, each answering an APIResponse."""

    def __init__(self, pricing: Pricing) -> None:
        self.add_price_to_plan = raw(pricing.add_price_to_plan)
        self.list_prices = raw(pricing.list_prices)
        self.update_price = raw(pricing.update_price)
        self.add_to_plan = raw(pricing.add_to_plan)
        self.get_plan_catalog = raw(pricing.get_plan_catalog)
        self.list_plan_catalogs = raw(pricing.list_plan_catalogs)
        self.estimate = raw(pricing.estimate)
        self.rehearse = raw(pricing.rehearse)
