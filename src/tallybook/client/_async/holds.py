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

from .resources import AsyncObject, AsyncResource
from .verbs import raw


class AsyncHold(AsyncObject, wire.Hold):
    """Units that count as used until they are settled, released or expired."""

    async def settle(
        self,
        quantity: DecimalInput,
        *,
        agent: str | NotGiven = NOT_GIVEN,
        action_type: ActionType | NotGiven = NOT_GIVEN,
        attributes: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> "AsyncHold":
        """Record what was used, and free the rest; see `holds.settle`."""
        return await self._client.holds.settle(
            self.id,
            quantity,
            agent=agent,
            action_type=action_type,
            attributes=attributes,
            metadata=metadata,
            **options,
        )

    async def release(self, **options: Unpack[WriteOptions]) -> "AsyncHold":
        """Free all that is held; see `holds.release`."""
        return await self._client.holds.release(self.id, **options)


class AsyncHolds(AsyncResource):
    """`client.holds`."""

    @cached_property
    def with_raw_response(self) -> "AsyncHoldsRaw":
        return AsyncHoldsRaw(self)

    async def create(
        self,
        *,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        feature: str,
        quantity: DecimalInput,
        expires_in: int | NotGiven = NOT_GIVEN,
        agent: str | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> AsyncHold:
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
        return await self._write("POST", "/holds", AsyncHold, options, body)

    async def get(self, id: str, **options: Unpack[CallOptions]) -> AsyncHold:
        """Return a hold."""
        return await self._get(path("holds", id), AsyncHold, options)

    async def settle(
        self,
        id: str,
        quantity: DecimalInput,
        *,
        agent: str | NotGiven = NOT_GIVEN,
        action_type: ActionType | NotGiven = NOT_GIVEN,
        attributes: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> AsyncHold:
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
        return await self._write("POST", path("holds", id, "settle"), AsyncHold, options, body)

    async def release(self, id: str, **options: Unpack[WriteOptions]) -> AsyncHold:
        """Free all that is held: nothing was used. Errors: ConflictError `hold_over`."""
        return await self._write("POST", path("holds", id, "release"), AsyncHold, options)


class AsyncHoldsRaw:
    """The verbs of `client.holds`, each answering an APIResponse."""

    def __init__(self, holds: AsyncHolds) -> None:
        self.create = raw(holds.create)
        self.get = raw(holds.get)
        self.settle = raw(holds.settle)
        self.release = raw(holds.release)
