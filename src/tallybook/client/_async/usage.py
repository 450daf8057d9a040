"""Usage: what customers have used, in and out."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any, Unpack

from tallybook.client.encoding import DecimalInput, Json, decimal, decimals
from tallybook.client.keys import new_key
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import customer_fields, customer_path
from tallybook.client.types.usage import AggregatedUsage, BatchResult, UsageEvent, UsageInput
from tallybook.wire.events import ActionType

from .pages import AsyncPage
from .resources import AsyncResource
from .verbs import listing, raw


class AsyncUsage(AsyncResource):
    """`client.usage`."""

    @cached_property
    def with_raw_response(self) -> "AsyncUsageRaw":
        return AsyncUsageRaw(self)

    async def create(
        self,
        *,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        meter: str | NotGiven = NOT_GIVEN,
        quantity: DecimalInput | NotGiven = NOT_GIVEN,
        timestamp: datetime | str | NotGiven = NOT_GIVEN,
        subscription_id: str | NotGiven = NOT_GIVEN,
        agent: str | NotGiven = NOT_GIVEN,
        action_type: ActionType | NotGiven = NOT_GIVEN,
        attributes: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        idempotency_key: str | None = None,
        **options: Unpack[CallOptions],
    ) -> UsageEvent:
        """Store one event, strictly: names that nothing has are refused.

        The key is for ever: the same one answers the first event (`idempotent`). One is made
        where none is given, before the first try, so that a try again never counts twice.
        """
        key = idempotency_key or new_key()
        body = given(
            **customer_fields(customer_id, customer_external_id),
            meter=meter,
            quantity=decimal(quantity),
            timestamp=timestamp,
            subscription_id=subscription_id,
            agent=agent,
            action_type=action_type,
            attributes=attributes,
            metadata=metadata,
            idempotency_key=key,
        )
        keyed: dict[str, Any] = {**options, "idempotency_key": key}
        return await self._write("POST", "/events", UsageEvent, keyed, body)

    async def create_batch(
        self,
        events: Sequence[UsageInput],
        *,
        backfill: bool | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> BatchResult:
        """Store up to 1,000 events, each answered for itself; unknown names wait as `unmatched`.

        Items without a key get one each, before the first try. `backfill` takes times older
        than 35 days, and needs a full key.
        """
        keyed = [{**item, "idempotency_key": _key_of(item)} for item in events]
        body = given(events=decimals(keyed, "quantity"), backfill=backfill)
        return await self._write("POST", "/events/batch", BatchResult, options, body)

    @listing
    async def get_customer_usage(
        self,
        customer_id: str | None = None,
        *,
        customer_external_id: str | None = None,
        start_date: date | str | None = None,
        end_date: date | str | None = None,
        meter: str | None = None,
        agent: str | None = None,
        **options: Unpack[ListOptions],
    ) -> AsyncPage[UsageEvent]:
        """Return a customer's events by their time, the newest first.

        Days are the project's; an `end_date` that is a day is inclusive.
        """
        query = {"start_date": start_date, "end_date": end_date, "meter": meter, "agent": agent}
        address = customer_path(customer_id, customer_external_id, "usage")
        return await self._list(address, UsageEvent, options, query)

    async def get_aggregated_usage(
        self,
        customer_id: str | None = None,
        *,
        customer_external_id: str | None = None,
        start_date: date | str,
        end_date: date | str,
        meter: str | None = None,
        group_by: str | Sequence[str] | None = None,
        **options: Unpack[CallOptions],
    ) -> AggregatedUsage:
        """Return a customer's usage added up by meter, and by `agent`, `day`, `attribute:name`."""
        query = {
            "start_date": start_date,
            "end_date": end_date,
            "meter": meter,
            "group_by": group_by,
        }
        address = customer_path(customer_id, customer_external_id, "usage", "aggregate")
        return await self._get(address, AggregatedUsage, options, query)


def _key_of(item: UsageInput) -> str:
    return item.get("idempotency_key") or new_key()


class AsyncUsageRaw:
    """The verbs of `client.usage`, each answering an APIResponse."""

    def __init__(self, usage: AsyncUsage) -> None:
        self.create = raw(usage.create)
        self.create_batch = raw(usage.create_batch)
        self.get_customer_usage = raw(usage.get_customer_usage)
        self.get_aggregated_usage = raw(usage.get_aggregated_usage)
