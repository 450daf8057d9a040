"""How the meters of a plan are priced, and the tiers of such a price."""

from collections.abc import Mapping
from functools import cached_property
from typing import Unpack

from tallybook.client.encoding import DecimalInput, Json, decimal
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import path
from tallybook.client.responses import parse_nothing
from tallybook.client.types.plans import MeterPrice, PriceOptions, PriceTier, split_terms
from tallybook.wire import prices as wire
from tallybook.wire.periods import BillingPeriodInput

from .pages import Page
from .resources import Resource
from .verbs import listing, raw


class MeterPrices(Resource):
    """`client.plans.meter_prices`."""

    @cached_property
    def with_raw_response(self) -> "MeterPricesRaw":
        return MeterPricesRaw(self)

    @cached_property
    def tiers(self) -> "PriceTiers":
        return PriceTiers(self._client)

    def create(
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
        """Return the price of a meter, or of an agent action's meter, in one plan price.

        Without plan_price_id, market and billing_period: the plan's default price.
        Errors: ConflictError `meter_already_priced`; UnprocessableEntityError
        `price_shape_invalid`, `tiers_not_contiguous`.
        """
        terms, rest = split_terms(options)
        body = terms | given(
            pricing_model=pricing_model,
            meter=meter,
            agent_action_id=agent_action_id,
            plan_price_id=plan_price_id,
            market=market,
            billing_period=billing_period,
            metadata=metadata,
        )
        address = path("plans", plan, "meter-prices")
        return self._write("POST", address, MeterPrice, rest, body)

    def get(self, plan: str, meter_price_id: str, **options: Unpack[CallOptions]) -> MeterPrice:
        """Return how a meter is priced."""
        address = path("plans", plan, "meter-prices", meter_price_id)
        return self._get(address, MeterPrice, options)

    @listing
    def list(
        self,
        plan: str,
        *,
        plan_price_id: str | None = None,
        market: str | None = None,
        billing_period: BillingPeriodInput | None = None,
        **options: Unpack[ListOptions],
    ) -> Page[MeterPrice]:
        """Return how the plan's meters are priced, in all its prices or in one."""
        query = {
            "plan_price_id": plan_price_id,
            "market": market,
            "billing_period": billing_period,
        }
        return self._list(path("plans", plan, "meter-prices"), MeterPrice, options, query)

    def update(
        self,
        plan: str,
        meter_price_id: str,
        *,
        pricing_model: wire.PricingModelInput | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json | None] | NotGiven = NOT_GIVEN,
        **options: Unpack[PriceOptions],
    ) -> MeterPrice:
        """Return the meter price with the given terms changed; `tiers` are replaced whole."""
        terms, rest = split_terms(options)
        body = terms | given(pricing_model=pricing_model, metadata=metadata)
        address = path("plans", plan, "meter-prices", meter_price_id)
        return self._write("PATCH", address, MeterPrice, rest, body)

    def delete(self, plan: str, meter_price_id: str, **options: Unpack[WriteOptions]) -> None:
        """Take the meter out of the plan price; subscriptions that signed it keep it."""
        self._delete(path("plans", plan, "meter-prices", meter_price_id), options)


class PriceTiers(Resource):
    """`client.plans.meter_prices.tiers`."""

    @cached_property
    def with_raw_response(self) -> "PriceTiersRaw":
        return PriceTiersRaw(self)

    def create(
        self,
        plan: str,
        meter_price_id: str,
        *,
        start_unit: DecimalInput,
        unit_price: DecimalInput,
        order: int | NotGiven = NOT_GIVEN,
        end_unit: DecimalInput | NotGiven | None = NOT_GIVEN,
        flat_fee: DecimalInput | NotGiven = NOT_GIVEN,
        rejoin: bool | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> PriceTier:
        """Return the new tier; `rejoin` moves its neighbours' bounds, so that no gap is left.

        Errors: UnprocessableEntityError `tiers_not_contiguous`.
        """
        body = given(
            order=order,
            start_unit=decimal(start_unit),
            end_unit=decimal(end_unit),
            unit_price=decimal(unit_price),
            flat_fee=decimal(flat_fee),
            rejoin=rejoin,
        )
        address = path("plans", plan, "meter-prices", meter_price_id, "tiers")
        return self._write("POST", address, PriceTier, options, body)

    def update(
        self,
        plan: str,
        meter_price_id: str,
        tier_id: str,
        *,
        order: int | NotGiven = NOT_GIVEN,
        start_unit: DecimalInput | NotGiven = NOT_GIVEN,
        end_unit: DecimalInput | NotGiven | None = NOT_GIVEN,
        unit_price: DecimalInput | NotGiven = NOT_GIVEN,
        flat_fee: DecimalInput | NotGiven = NOT_GIVEN,
        rejoin: bool | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> PriceTier:
        """Return the tier with the given fields changed; `end_unit` of None opens the last.

        Errors: UnprocessableEntityError `tiers_not_contiguous`.
        """
        body = given(
            order=order,
            start_unit=decimal(start_unit),
            end_unit=decimal(end_unit),
            unit_price=decimal(unit_price),
            flat_fee=decimal(flat_fee),
            rejoin=rejoin,
        )
        address = path("plans", plan, "meter-prices", meter_price_id, "tiers", tier_id)
        return self._write("PATCH", address, PriceTier, options, body)

    def delete(
        self,
        plan: str,
        meter_price_id: str,
        tier_id: str,
        *,
        rejoin: bool | None = None,
        **options: Unpack[WriteOptions],
    ) -> None:
        """Remove the tier; with `rejoin` a neighbour takes over its units.

        Errors: UnprocessableEntityError `tiers_not_contiguous`.
        """
        address = path("plans", plan, "meter-prices", meter_price_id, "tiers", tier_id)
        query = {"rejoin": rejoin}
        return self._call("DELETE", address, parse_nothing, options, query=query)


class MeterPricesRaw:
    """The verbs of `client.plans.meter_prices`, each answering an APIResponse."""

    def __init__(self, meter_prices: MeterPrices) -> None:
        self.create = raw(meter_prices.create)
        self.get = raw(meter_prices.get)
        self.list = raw(meter_prices.list)
        self.update = raw(meter_prices.update)
        self.delete = raw(meter_prices.delete)


class PriceTiersRaw:
    """The verbs of `client.plans.meter_prices.tiers`, each answering an APIResponse."""

    def __init__(self, tiers: PriceTiers) -> None:
        self.create = raw(tiers.create)
        self.update = raw(tiers.update)
        self.delete = raw(tiers.delete)
