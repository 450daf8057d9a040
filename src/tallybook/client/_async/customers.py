"""Customers: whom a project bills."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Unpack

from tallybook.client.encoding import DecimalInput, Json, decimals
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import customer_own_path, path
from tallybook.client.types.access import AccessDecision
from tallybook.client.types.customers import PaymentAccountFields, TaxRate
from tallybook.client.types.subscriptions import SubscribeOptions
from tallybook.client.types.usage import UsageEvent
from tallybook.wire import customers as wire
from tallybook.wire.events import ActionType
from tallybook.wire.invoices import InvoiceFilter
from tallybook.wire.subscriptions import SubscriptionStatus

from .pages import AsyncPage
from .resources import AsyncObject, AsyncResource
from .verbs import listing, raw

if TYPE_CHECKING:
    from .invoices import AsyncInvoice
    from .subscriptions import AsyncSubscription


class AsyncCustomer(AsyncObject, wire.Customer):
    """Whom a project bills."""

    async def subscribe(
        self, plan: str, **options: Unpack[SubscribeOptions]
    ) -> "AsyncSubscription":
        """Subscribe the customer to a plan; see `subscriptions.create`."""
        return await self._client.subscriptions.create(customer_id=self.id, plan=plan, **options)

    @listing
    async def get_subscriptions(
        self,
        *,
        status: SubscriptionStatus | None = None,
        **options: Unpack[ListOptions],
    ) -> "AsyncPage[AsyncSubscription]":
        """Return the customer's subscriptions, newest first."""
        return await self._client.subscriptions.list_for_customer(self.id, status=status, **options)

    async def record_usage(
        self,
        meter: str | NotGiven = NOT_GIVEN,
        quantity: DecimalInput | NotGiven = NOT_GIVEN,
        *,
        timestamp: datetime | str | NotGiven = NOT_GIVEN,
        subscription_id: str | NotGiven = NOT_GIVEN,
        agent: str | NotGiven = NOT_GIVEN,
        action_type: ActionType | NotGiven = NOT_GIVEN,
        attributes: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        idempotency_key: str | None = None,
        **options: Unpack[CallOptions],
    ) -> UsageEvent:
        """Store one use of the customer's; see `usage.create`."""
        return await self._client.usage.create(
            customer_id=self.id,
            meter=meter,
            quantity=quantity,
            timestamp=timestamp,
            subscription_id=subscription_id,
            agent=agent,
            action_type=action_type,
            attributes=attributes,
            metadata=metadata,
            idempotency_key=idempotency_key,
            **options,
        )

    async def can(
        self,
        feature: str,
        quantity: DecimalInput | NotGiven = NOT_GIVEN,
        **options: Unpack[CallOptions],
    ) -> AccessDecision:
        """Tell whether the customer may use a feature, and why; see `access.check`.

        The answer is true where it is allowed.
        """
        return await self._client.access.check(
            customer_id=self.id, feature=feature, quantity=quantity, **options
        )

    @listing
    async def get_invoices(
        self,
        *,
        status: InvoiceFilter | None = None,
        **options: Unpack[ListOptions],
    ) -> "AsyncPage[AsyncInvoice]":
        """Return the customer's invoices, newest first."""
        return await self._client.invoices.list(customer_id=self.id, status=status, **options)


class AsyncCustomers(AsyncResource):
    """`client.customers`."""

    @cached_property
    def with_raw_response(self) -> "AsyncCustomersRaw":
        return AsyncCustomersRaw(self)

    async def create(
        self,
        *,
        name: str,
        type: wire.CustomerType | NotGiven = NOT_GIVEN,
        status: wire.CustomerStatus | NotGiven = NOT_GIVEN,
        email: str | NotGiven | None = NOT_GIVEN,
        phone: str | NotGiven | None = NOT_GIVEN,
        external_id: str | NotGiven | None = NOT_GIVEN,
        currency: str | NotGiven | None = NOT_GIVEN,
        taxes: Sequence[TaxRate] | NotGiven | None = NOT_GIVEN,
        address: str | NotGiven | None = NOT_GIVEN,
        tax_id: str | NotGiven | None = NOT_GIVEN,
        locale: str | NotGiven | None = NOT_GIVEN,
        payment_account: PaymentAccountFields | NotGiven | None = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> AsyncCustomer:
        """Return the new customer, or the one that has this external_id and equal fields.

        Errors: ConflictError `external_id_taken`, where the fields differ.
        """
        body = given(
            name=name,
            type=type,
            status=status,
            email=email,
            phone=phone,
            external_id=external_id,
            currency=currency,
            taxes=decimals(taxes, "rate"),
            address=address,
            tax_id=tax_id,
            locale=locale,
            payment_account=payment_account,
            metadata=metadata,
        )
        return await self._write("POST", "/customers", AsyncCustomer, options, body)

    async def get(
        self,
        id: str | None = None,
        *,
        external_id: str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCustomer:
        """Return the customer of this id, or of this external_id."""
        return await self._get(customer_own_path(id, external_id), AsyncCustomer, options)

    @listing
    async def list(
        self,
        *,
        status: wire.CustomerStatus | Literal["archived"] | None = None,
        type: wire.CustomerType | None = None,
        search: str | None = None,
        **options: Unpack[ListOptions],
    ) -> AsyncPage[AsyncCustomer]:
        """Return customers, newest first; `search` looks in name, email and external_id."""
        query = {"status": status, "type": type, "search": search}
        return await self._list("/customers", AsyncCustomer, options, query)

    async def update(
        self,
        id: str | None = None,
        *,
        name: str | NotGiven = NOT_GIVEN,
        type: wire.CustomerType | NotGiven = NOT_GIVEN,
        status: wire.CustomerStatus | NotGiven = NOT_GIVEN,
        email: str | NotGiven | None = NOT_GIVEN,
        phone: str | NotGiven | None = NOT_GIVEN,
        external_id: str | NotGiven | None = NOT_GIVEN,
        currency: str | NotGiven | None = NOT_GIVEN,
        taxes: Sequence[TaxRate] | NotGiven | None = NOT_GIVEN,
        address: str | NotGiven | None = NOT_GIVEN,
        tax_id: str | NotGiven | None = NOT_GIVEN,
        locale: str | NotGiven | None = NOT_GIVEN,
        payment_account: PaymentAccountFields | NotGiven | None = NOT_GIVEN,
        metadata: Mapping[str, Json | None] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> AsyncCustomer:
        """Return the customer with the given fields changed; None clears, metadata is merged.

        Beside an id, external_id is the new one; without an id, it says which customer.
        """
        body = given(
            name=name,
            type=type,
            status=status,
            email=email,
            phone=phone,
            currency=currency,
            taxes=decimals(taxes, "rate"),
            address=address,
            tax_id=tax_id,
            locale=locale,
            payment_account=payment_account,
            metadata=metadata,
        )
        if id is None:
            where = customer_own_path(None, external_id or None)
        else:
            where = customer_own_path(id, None)
            body |= given(external_id=external_id)
        return await self._write("PATCH", where, AsyncCustomer, options, body)

    async def delete(
        self,
        id: str | None = None,
        *,
        external_id: str | None = None,
        **options: Unpack[WriteOptions],
    ) -> None:
        """Archive the customer; the external_id is free again.

        Errors: ConflictError `customer_in_use`.
        """
        return await self._delete(customer_own_path(id, external_id), options)

    async def upsert(
        self,
        external_id: str,
        *,
        name: str,
        type: wire.CustomerType | NotGiven = NOT_GIVEN,
        status: wire.CustomerStatus | NotGiven = NOT_GIVEN,
        email: str | NotGiven | None = NOT_GIVEN,
        phone: str | NotGiven | None = NOT_GIVEN,
        currency: str | NotGiven | None = NOT_GIVEN,
        taxes: Sequence[TaxRate] | NotGiven | None = NOT_GIVEN,
        address: str | NotGiven | None = NOT_GIVEN,
        tax_id: str | NotGiven | None = NOT_GIVEN,
        locale: str | NotGiven | None = NOT_GIVEN,
        payment_account: PaymentAccountFields | NotGiven | None = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> AsyncCustomer:
        """Return the customer of this external_id, made if there is none, with these fields."""
        body = given(
            name=name,
            type=type,
            status=status,
            email=email,
            phone=phone,
            currency=currency,
            taxes=decimals(taxes, "rate"),
            address=address,
            tax_id=tax_id,
            locale=locale,
            payment_account=payment_account,
            metadata=metadata,
        )
        where = path("customers", "external", external_id)
        return await self._write("PUT", where, AsyncCustomer, options, body)


class AsyncCustomersRaw:
    """The verbs of `client.customers`, each answering an APIResponse."""

    def __init__(self, customers: AsyncCustomers) -> None:
        self.create = raw(customers.create)
        self.get = raw(customers.get)
        self.list = raw(customers.list)
        self.update = raw(customers.update)
        self.delete = raw(customers.delete)
        self.upsert = raw(customers.upsert)
