"""Contracts: the negotiated terms of subscriptions."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Unpack

from tallybook.client.encoding import DecimalInput, Json, decimal
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import customer_fields, customer_filter, path
from tallybook.client.types import subscriptions as types
from tallybook.wire import contracts as wire

from .pages import AsyncPage
from .resources import AsyncResource
from .verbs import listing, raw


class AsyncContracts(AsyncResource):
    """`client.contracts`."""

    @cached_property
    def with_raw_response(self) -> "AsyncContractsRaw":
        return AsyncContractsRaw(self)

    async def create(
        self,
        *,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        plan: str,
        name: str,
        start_date: types.Day,
        description: str | NotGiven | None = NOT_GIVEN,
        end_date: types.Day | NotGiven | None = NOT_GIVEN,
        market: str | NotGiven | None = NOT_GIVEN,
        billing_period: types.BillingPeriod | NotGiven | None = NOT_GIVEN,
        currency: str | NotGiven | None = NOT_GIVEN,
        collection_method: wire.CollectionMethod | NotGiven = NOT_GIVEN,
        payment_terms: int | NotGiven = NOT_GIVEN,
        base_price: DecimalInput | NotGiven | None = NOT_GIVEN,
        notes: str | NotGiven | None = NOT_GIVEN,
        meter_overrides: Sequence[types.MeterOverride] | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> types.Contract:
        """Return a contract in draft; the plan's prices are copied now.

        Errors: UnprocessableEntityError `price_not_configured`, `plan_not_active`.
        """
        body = customer_fields(customer_id, customer_external_id) | given(
            plan=plan,
            name=name,
            start_date=start_date,
            description=description,
            end_date=end_date,
            market=market,
            billing_period=billing_period,
            currency=currency,
            collection_method=collection_method,
            payment_terms=payment_terms,
            base_price=decimal(base_price),
            notes=notes,
            meter_overrides=types.meter_overrides(meter_overrides),
            metadata=metadata,
        )
        return await self._write("POST", "/contracts", types.Contract, options, body)

    async def get(self, id: str, **options: Unpack[CallOptions]) -> types.Contract:
        """Return a contract in its newest version."""
        return await self._get(path("contracts", id), types.Contract, options)

    @listing
    async def list(
        self,
        *,
        status: wire.ContractStatus | None = None,
        plan: str | None = None,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        **options: Unpack[ListOptions],
    ) -> AsyncPage[types.Contract]:
        """Return contracts, newest first, each in its newest version."""
        named = customer_filter(customer_id, customer_external_id)
        query = {"status": status, "plan": plan, **named}
        return await self._list("/contracts", types.Contract, options, query)

    async def update(
        self,
        id: str,
        *,
        name: str | NotGiven = NOT_GIVEN,
        description: str | NotGiven | None = NOT_GIVEN,
        start_date: types.Day | NotGiven = NOT_GIVEN,
        end_date: types.Day | NotGiven | None = NOT_GIVEN,
        billing_period: types.BillingPeriod | NotGiven = NOT_GIVEN,
        currency: str | NotGiven = NOT_GIVEN,
        collection_method: wire.CollectionMethod | NotGiven = NOT_GIVEN,
        payment_terms: int | NotGiven = NOT_GIVEN,
        base_price: DecimalInput | NotGiven | None = NOT_GIVEN,
        notes: str | NotGiven | None = NOT_GIVEN,
        meter_overrides: Sequence[types.MeterOverride] | NotGiven | None = NOT_GIVEN,
        metadata: Mapping[str, Json | None] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> types.Contract:
        """Return the contract with the given fields changed; None clears, metadata is merged.

        Other prices of a contract that runs make its next version, which holds from the next
        period on. Currency and start date change in a draft only.
        Errors: ConflictError `invalid_state_transition`.
        """
        body = given(
            name=name,
            description=description,
            start_date=start_date,
            end_date=end_date,
            billing_period=billing_period,
            currency=currency,
            collection_method=collection_method,
            payment_terms=payment_terms,
            base_price=decimal(base_price),
            notes=notes,
            meter_overrides=types.meter_overrides(meter_overrides),
            metadata=metadata,
        )
        return await self._write("PATCH", path("contracts", id), types.Contract, options, body)

    async def activate(
        self,
        id: str,
        *,
        activation_date: types.Day | NotGiven | None = NOT_GIVEN,
        skip_validation: bool | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> types.Contract:
        """Start a draft on its start date, or on the day given; the past is caught up.

        Errors: ConflictError `invalid_state_transition`, `already_subscribed`;
            UnprocessableEntityError `contract_not_ready`, unless validation is skipped.
        """
        body = given(activation_date=activation_date, skip_validation=skip_validation)
        address = path("contracts", id, "activate")
        return await self._write("POST", address, types.Contract, options, body)

    async def suspend(self, id: str, **options: Unpack[types.PauseOptions]) -> types.Contract:
        """Stop access and new charges until resumed; the period is not extended."""
        body, rest = types.split_options(options)
        address = path("contracts", id, "suspend")
        return await self._write("POST", address, types.Contract, rest, body)

    async def resume(self, id: str, **options: Unpack[types.PauseOptions]) -> types.Contract:
        """Lift a suspension, or withdraw a cancel that has not taken effect."""
        body, rest = types.split_options(options)
        address = path("contracts", id, "resume")
        return await self._write("POST", address, types.Contract, rest, body)

    async def cancel(
        self, id: str, **options: Unpack[types.CancelOptions]
    ) -> types.ContractCancellation:
        """Cancel its subscription: by default when the period ends, without a refund.

        Errors: ConflictError `invalid_state_transition`, where it is canceled already.
        """
        body, rest = types.split_options(options)
        address = path("contracts", id, "cancel")
        return await self._write("POST", address, types.ContractCancellation, rest, body)


class AsyncContractsRaw:
    """The verbs of `client.contracts`, each answering an APIResponse."""

    def __init__(self, contracts: AsyncContracts) -> None:
        self.create = raw(contracts.create)
        self.get = raw(contracts.get)
        self.list = raw(contracts.list)
        self.update = raw(contracts.update)
        self.activate = raw(contracts.activate)
        self.suspend = raw(contracts.suspend)
        self.resume = raw(contracts.resume)
        self.cancel = raw(contracts.cancel)
