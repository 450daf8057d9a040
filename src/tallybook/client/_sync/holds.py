"""Holds: units set aside for work that is under way."""

from collections.abc import Mapping
from functools import cached_property
from typing import Unpack

from tallybook.client.encoding import DecimalInput, Json, decimal
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, WriteOptions
from tallybook.client.paths import customer_fields, path
from tallybook.wire import holds as wire
from tallybook.wire.events import ActionType

from .resources import Object, Resource
from .verbs import raw


class Hold(Object, wire.Hold):
    """Units that count as used until they are settled, released or expired."""

    def settle(
        self,
        quantity: DecimalInput,
        *,
        agent: str | NotGiven = NOT_GIVEN,
        action_type: ActionType | NotGiven = NOT_GIVEN,
        attributes: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> "Hold":
        """Record what was used, and free the rest; see `holds.settle`."""
        return self._client.holds.settle(
            self.id,
            quantity,
            agent=agent,
            action_type=action_type,
            attributes=attributes,
            metadata=metadata,
            **options,
        )

    def release(self, **options: Unpack[WriteOptions]) -> "Hold":
        """Free all that is held; see `holds.release`."""
        return self._client.holds.release(self.id, **options)


class Holds(Resource):
    """`client.holds`."""

    @cached_property
    def with_raw_response(self) -> "HoldsRaw":
        return HoldsRaw(self)

    def create(
        self,
        *,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        feature: str,
        quantity: DecimalInput,
        expires_in: int | NotGiven = NOT_GIVEN,
        agent: str | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Hold:
        """Set units of a metered feature aside, for 900 seconds unless said otherwise.

        Errors: ConflictError `access_denied`, with the reason in its body.
        """
        body = given(
            **customer_fields(customer_id, customer_external_id),
            feature=feature,
            quantity=decimal(quantity),
            expires_in=expires_in,
            agent=agent,
        )
        return self._write("POST", "/holds", Hold, options, body)

    def get(self, id: str, **options: Unpack[CallOptions]) -> Hold:
        """Return a hold."""
        return self._get(path("holds", id), Hold, options)

    def settle(
        self,
        id: str,
        quantity: DecimalInput,
        *,
        agent: str | NotGiven = NOT_GIVEN,
        action_type: ActionType | NotGiven = NOT_GIVEN,
        attributes: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Hold:
        """Record what was used, once for ever, and free the rest.

        Errors: ConflictError `hold_over`, with `current_state`.
        """
        body = given(
            quantity=decimal(quantity),
            agent=agent,
            action_type=action_type,
            attributes=attributes,
            metadata=metadata,
        )
        return self._write("POST", path("holds", id, "settle"), Hold, options, body)

    def release(self, id: str, **options: Unpack[WriteOptions]) -> Hold:
        """Free all that is held: nothing was used. Errors: ConflictError `hold_over`."""
        return self._write("POST", path("holds", id, "release"), Hold, options)


class HoldsRaw:
    """The verbs of `client.holds`, each answering an APIResponse."""

    def __init__(self, holds: Holds) -> None:
        self.create = raw(holds.create)
        self.get = raw(holds.get)
        self.settle = raw(holds.settle)
        self.release = raw(holds.release)
