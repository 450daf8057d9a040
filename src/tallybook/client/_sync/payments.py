"""Payments: what customers paid."""

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Any, Unpack

from tallybook.client.encoding import DecimalInput, Json, decimal
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import customer_fields, customer_filter, path
from tallybook.client.types.payments import Payment, Refund
from tallybook.wire import payments as wire
from tallybook.wire.customers import PaymentProvider

from .pages import Page
from .resources import Resource
from .verbs import listing, raw


class Payments(Resource):
    """`client.payments`."""

    @cached_property
    def with_raw_response(self) -> "PaymentsRaw":
        return PaymentsRaw(self)

    def create(
        self,
        *,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        amount: DecimalInput,
        invoice_id: str | NotGiven | None = NOT_GIVEN,
        currency: str | NotGiven | None = NOT_GIVEN,
        payment_method: wire.PaymentMethod | NotGiven | None = NOT_GIVEN,
        payment_date: date | str | NotGiven | None = NOT_GIVEN,
        description: str | NotGiven | None = NOT_GIVEN,
        external_transaction_id: str | NotGiven | None = NOT_GIVEN,
        provider: PaymentProvider | NotGiven | None = NOT_GIVEN,
        status: wire.SettableStatus | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Payment:
        """Record a payment. Completed, what no invoice takes becomes purchased wallet credit.

        With a `provider` the customer's payment account there is charged: it is pending until
        the provider has said what came of it.
        Errors: ConflictError `duplicate_external_transaction_id`, or an invoice not open.
        """
        body: dict[str, Any] = {
            **customer_fields(customer_id, customer_external_id),
            **given(
                amount=decimal(amount),
                invoice_id=invoice_id,
                currency=currency,
                payment_method=payment_method,
                payment_date=payment_date,
                description=description,
                external_transaction_id=external_transaction_id,
                provider=provider,
                status=status,
                metadata=metadata,
            ),
        }
        return self._write("POST", "/payments", Payment, options, body)

    def get(self, id: str, **options: Unpack[CallOptions]) -> Payment:
        """Return the payment with its refunds."""
        return self._get(path("payments", id), Payment, options)

    @listing
    def list(
        self,
        *,
        status: wire.PaymentStatus | None = None,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        contract_id: str | None = None,
        invoice_id: str | None = None,
        **options: Unpack[ListOptions],
    ) -> Page[Payment]:
        """Return payments, newest first."""
        query = {
            **customer_filter(customer_id, customer_external_id),
            "status": status,
            "contract_id": contract_id,
            "invoice_id": invoice_id,
        }
        return self._list("/payments", Payment, options, query)

    def update(
        self,
        id: str,
        *,
        status: wire.SettableStatus | NotGiven = NOT_GIVEN,
        payment_method: wire.PaymentMethod | NotGiven | None = NOT_GIVEN,
        external_transaction_id: str | NotGiven | None = NOT_GIVEN,
        failure_reason: str | NotGiven | None = NOT_GIVEN,
        notes: str | NotGiven | None = NOT_GIVEN,
        metadata: Mapping[str, Json | None] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Payment:
        """Return the payment with the given fields changed; completing it credits the wallet.

        Errors: ConflictError `invalid_state_transition`.
        """
        body = given(
            status=status,
            payment_method=payment_method,
            external_transaction_id=external_transaction_id,
            failure_reason=failure_reason,
            notes=notes,
            metadata=metadata,
        )
        return self._write("PATCH", path("payments", id), Payment, options, body)

    def delete(self, id: str, **options: Unpack[WriteOptions]) -> None:
        """Delete a payment that no money came of.

        Errors: ConflictError `payment_not_deletable`: refund it instead.
        """
        self._delete(path("payments", id), options)

    def refund(
        self,
        id: str,
        amount: DecimalInput | NotGiven | None = NOT_GIVEN,
        *,
        reason: str | NotGiven | None = NOT_GIVEN,
        external_refund_id: str | NotGiven | None = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Refund:
        """Pay back an amount, or all that is left.

        Errors: UnprocessableEntityError `refund_exceeds_payment`.
        """
        body = given(
            amount=decimal(amount),
            reason=reason,
            external_refund_id=external_refund_id,
            metadata=metadata,
        )
        return self._write("POST", path("payments", id, "refunds"), Refund, options, body)


class PaymentsRaw:
    """The verbs of `client.payments`, each answering an APIResponse."""

    def __init__(self, payments: Payments) -> None:
        self.create = raw(payments.create)
        self.get = raw(payments.get)
        self.list = raw(payments.list)
        self.update = raw(payments.update)
        self.delete = raw(payments.delete)
        self.refund = raw(payments.refund)
