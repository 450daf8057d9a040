"""The fees of a plan besides its base price."""

from functools import cached_property
from typing import Unpack

from tallybook.client.encoding import DecimalInput, decimal
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import path
from tallybook.client.types.plans import PlanCharge
from tallybook.wire import plans as wire
from tallybook.wire.periods import BillingPeriodInput

from .pages import Page
from .resources import Resource
from .verbs import listing, raw


class PlanCharges(Resource):
    """`client.plans.charges`."""

    @cached_property
    def with_raw_response(self) -> "PlanChargesRaw":
        return PlanChargesRaw(self)

    def create(
        self,
        plan: str,
        *,
        name: str,
        key: str,
        charge_type: wire.ChargeType,
        amount: DecimalInput,
        description: str | NotGiven | None = NOT_GIVEN,
        billing_period: BillingPeriodInput | NotGiven | None = NOT_GIVEN,
        meter: str | NotGiven | None = NOT_GIVEN,
        market: str | NotGiven | None = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> PlanCharge:
        """Return the new charge. Errors: ConflictError `key_taken`."""
        body = given(
            name=name,
            key=key,
            charge_type=charge_type,
            amount=decimal(amount),
            description=description,
            billing_period=billing_period,
            meter=meter,
            market=market,
        )
        address = path("plans", plan, "charges")
        return self._write("POST", address, PlanCharge, options, body)

    def get(self, plan: str, charge_id: str, **options: Unpack[CallOptions]) -> PlanCharge:
        """Return the charge."""
        return self._get(path("plans", plan, "charges", charge_id), PlanCharge, options)

    @listing
    def list(
        self, plan: str, *, market: str | None = None, **options: Unpack[ListOptions]
    ) -> Page[PlanCharge]:
        """Return the plan's charges; with `market`, its own and those without a market."""
        address = path("plans", plan, "charges")
        return self._list(address, PlanCharge, options, {"market": market})

    def update(
        self,
        plan: str,
        charge_id: str,
        *,
        name: str | NotGiven = NOT_GIVEN,
        key: str | NotGiven = NOT_GIVEN,
        charge_type: wire.ChargeType | NotGiven = NOT_GIVEN,
        amount: DecimalInput | NotGiven = NOT_GIVEN,
        description: str | NotGiven | None = NOT_GIVEN,
        billing_period: BillingPeriodInput | NotGiven | None = NOT_GIVEN,
        meter: str | NotGiven | None = NOT_GIVEN,
        market: str | NotGiven | None = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> PlanCharge:
        """Return the charge with the given fields changed; None clears."""
        body = given(
            name=name,
            key=key,
            charge_type=charge_type,
            amount=decimal(amount),
            description=description,
            billing_period=billing_period,
            meter=meter,
            market=market,
        )
        address = path("plans", plan, "charges", charge_id)
        return self._write("PATCH", address, PlanCharge, options, body)

    def delete(self, plan: str, charge_id: str, **options: Unpack[WriteOptions]) -> None:
        """Take the charge out of the plan; subscriptions that signed it keep it."""
        self._delete(path("plans", plan, "charges", charge_id), options)


class PlanChargesRaw:
    """The verbs of `client.plans.charges`, each answering an APIResponse."""

    def __init__(self, charges: PlanCharges) -> None:
        self.create = raw(charges.create)
        self.get = raw(charges.get)
        self.list = raw(charges.list)
        self.update = raw(charges.update)
        self.delete = raw(charges.delete)
