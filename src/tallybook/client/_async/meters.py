"""Meters: what is measured, to be billed or as a cost."""

from collections.abc import Mapping
from functools import cached_property
from typing import Unpack

from tallybook.client.encoding import DecimalInput, Json, decimal
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import path
from tallybook.client.types.meters import Meter
from tallybook.wire import meters as wire

from .pages import AsyncPage
from .resources import AsyncResource
from .verbs import listing, raw


class AsyncMeters(AsyncResource):
    """`client.meters`. A meter is named by its id or key."""

    @cached_property
    def with_raw_response(self) -> "AsyncMetersRaw":
        return AsyncMetersRaw(self)

    async def create(
        self,
        *,
        name: str,
        key: str,
        kind: wire.MeterKind | NotGiven = NOT_GIVEN,
        aggregation: wire.Aggregation | NotGiven = NOT_GIVEN,
        unit_label: str | NotGiven | None = NOT_GIVEN,
        value_field: str | NotGiven | None = NOT_GIVEN,
        description: str | NotGiven | None = NOT_GIVEN,
        cost_type: wire.CostType | NotGiven | None = NOT_GIVEN,
        cost_per_unit: DecimalInput | NotGiven | None = NOT_GIVEN,
        category: wire.CostCategory | NotGiven | None = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Meter:
        """Return the new meter. `cost_type`, `cost_per_unit` and `category`: cost meters only.

        Errors: ConflictError `key_taken`.
        """
        body = given(
            name=name,
            key=key,
            kind=kind,
            aggregation=aggregation,
            unit_label=unit_label,
            value_field=value_field,
            description=description,
            cost_type=cost_type,
            cost_per_unit=decimal(cost_per_unit),
            category=category,
            metadata=metadata,
        )
        return await self._write("POST", "/meters", Meter, options, body)

    async def get(self, meter: str, **options: Unpack[CallOptions]) -> Meter:
        """Return the meter."""
        return await self._get(path("meters", meter), Meter, options)

    @listing
    async def list(
        self,
        *,
        kind: wire.MeterKind | None = None,
        status: wire.MeterStatus | None = None,
        search: str | None = None,
        **options: Unpack[ListOptions],
    ) -> AsyncPage[Meter]:
        """Return meters, newest first; `search` looks in name and key."""
        query = {"kind": kind, "status": status, "search": search}
        return await self._list("/meters", Meter, options, query)

    async def update(
        self,
        meter: str,
        *,
        name: str | NotGiven = NOT_GIVEN,
        key: str | NotGiven = NOT_GIVEN,
        kind: wire.MeterKind | NotGiven = NOT_GIVEN,
        aggregation: wire.Aggregation | NotGiven = NOT_GIVEN,
        unit_label: str | NotGiven | None = NOT_GIVEN,
        value_field: str | NotGiven | None = NOT_GIVEN,
        description: str | NotGiven | None = NOT_GIVEN,
        status: wire.MeterStatus | NotGiven = NOT_GIVEN,
        cost_type: wire.CostType | NotGiven | None = NOT_GIVEN,
        cost_per_unit: DecimalInput | NotGiven | None = NOT_GIVEN,
        category: wire.CostCategory | NotGiven | None = NOT_GIVEN,
        metadata: Mapping[str, Json | None] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Meter:
        """Return the meter with the given fields changed; None clears, metadata is merged.

        Errors: ConflictError `meter_has_events`, for kind, aggregation and key once it counted.
        """
        body = given(
            name=name,
            key=key,
            kind=kind,
            aggregation=aggregation,
            unit_label=unit_label,
            value_field=value_field,
            description=description,
            status=status,
            cost_type=cost_type,
            cost_per_unit=decimal(cost_per_unit),
            category=category,
            metadata=metadata,
        )
        return await self._write("PATCH", path("meters", meter), Meter, options, body)

    async def delete(self, meter: str, **options: Unpack[WriteOptions]) -> None:
        """Archive the meter. Errors: ConflictError `meter_in_use`."""
        await self._delete(path("meters", meter), options)


class AsyncMetersRaw:
    """The verbs of `client.meters`, each answering an APIResponse."""

    def __init__(self, meters: AsyncMeters) -> None:
        self.create = raw(meters.create)
        self.get = raw(meters.get)
        self.list = raw(meters.list)
        self.update = raw(meters.update)
        self.delete = raw(meters.delete)
