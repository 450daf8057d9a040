"""Access: whether customers may go on."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Unpack

from tallybook.client.encoding import DecimalInput, Json, decimal
from tallybook.client.keys import new_key
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions
from tallybook.client.paths import customer_fields, customer_path
from tallybook.client.types.access import AccessDecision
from tallybook.wire import access as wire
from tallybook.wire.events import ActionType

from .customers import Customer
from .resources import Object, Resource
from .subscriptions import Subscription
from .verbs import raw
from .wallets import Wallet


class CustomerState(Object, wire.CustomerState):
    """A customer with its live subscriptions, its wallets, and each feature it has."""

    customer: Customer
    subscriptions: list[Subscription]  # type: ignore[assignment]
    wallets: list[Wallet]  # type: ignore[assignment]

    def find(self, feature: str) -> wire.Entitlement | None:
        """Return what the customer has of a feature, by its name or its meter's id."""
        named = (one for one in self.entitlements if feature in (one.feature, one.meter_id))
        return next(named, None)


class Access(Resource):
    """`client.access`."""

    @cached_property
    def with_raw_response(self) -> "AccessRaw":
        return AccessRaw(self)

    def check(
        self,
        *,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        feature: str,
        quantity: DecimalInput | NotGiven = NOT_GIVEN,
        subscription_id: str | NotGiven = NOT_GIVEN,
        record: bool = False,
        timestamp: datetime | str | NotGiven = NOT_GIVEN,
        agent: str | NotGiven = NOT_GIVEN,
        action_type: ActionType | NotGiven = NOT_GIVEN,
        attributes: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        idempotency_key: str | None = None,
        **options: Unpack[CallOptions],
    ) -> AccessDecision:
        """Tell whether a customer may use a quantity of a feature; denial is an answer, no error.

        With `record`, what is allowed is stored as usage in the same step, under a key that
        every try carries; the fields after `record` are those of that event.
        """
        key = (idempotency_key or new_key()) if record else idempotency_key
        body = given(
            **customer_fields(customer_id, customer_external_id),
            feature=feature,
            quantity=decimal(quantity),
            subscription_id=subscription_id,
            record=True if record else NOT_GIVEN,
            timestamp=timestamp,
            agent=agent,
            action_type=action_type,
            attributes=attributes,
            metadata=metadata,
            idempotency_key=key if record and key is not None else NOT_GIVEN,
        )
        keyed: dict[str, Any] = (
            dict(options) if key is None else {**options, "idempotency_key": key}
        )
        return self._write("POST", "/access/check", AccessDecision, keyed, body)

    def get_customer_state(
        self,
        customer_id: str | None = None,
        *,
        customer_external_id: str | None = None,
        **options: Unpack[CallOptions],
    ) -> CustomerState:
        """Return a customer with its live subscriptions, wallets, and all that it may use."""
        address = customer_path(customer_id, customer_external_id, "state")
        return self._get(address, CustomerState, options)


class AccessRaw:
    """The verbs of `client.access`, each answering an APIResponse."""

    def __init__(self, access: Access) -> None:
        self.check = raw(access.check)
        self.get_customer_state = raw(access.get_customer_state)
