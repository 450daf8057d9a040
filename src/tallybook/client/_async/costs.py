"""Costs: what the work cost us."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cached_property
from typing import Any, Unpack

from tallybook.client.encoding import DecimalInput, Json, decimal
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import customer_filter, path
from tallybook.client.types.costs import Cost, CostInput, Repriced, TokenCounts
from tallybook.client.types.usage import BatchResult
from tallybook.wire import costs as wire
from tallybook.wire.meters import CostCategory

from .pages import AsyncPage
from .resources import AsyncResource
from .verbs import listing, raw


class AsyncCosts(AsyncResource):
    """`client.costs`."""

    @cached_property
    def with_raw_response(self) -> "AsyncCostsRaw":
        return AsyncCostsRaw(self)

    async def create(
        self,
        *,
        customer_id: str | NotGiven = NOT_GIVEN,
        customer_external_id: str | NotGiven = NOT_GIVEN,
        agent: str | NotGiven = NOT_GIVEN,
        action: str | NotGiven = NOT_GIVEN,
        meter: str | NotGiven = NOT_GIVEN,
        amount: DecimalInput | NotGiven = NOT_GIVEN,
        currency: str | NotGiven = NOT_GIVEN,
        category: CostCategory | NotGiven = NOT_GIVEN,
        provider: str | NotGiven = NOT_GIVEN,
        model: str | NotGiven = NOT_GIVEN,
        response_id: str | NotGiven = NOT_GIVEN,
        tokens: TokenCounts | NotGiven | None = NOT_GIVEN,
        adjusts: str | NotGiven = NOT_GIVEN,
        timestamp: datetime | str | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Cost:
        """Store one cost: an amount (USD unless said), or the tokens of a model call.

        Without a customer it is kept as unattributed. With `adjusts` it corrects an earlier one.
        """
        body = given(
            customer_id=customer_id,
            customer_external_id=customer_external_id,
            agent=agent,
            action=action,
            meter=meter,
            amount=decimal(amount),
            currency=currency,
            category=category,
            provider=provider,
            model=model,
            response_id=response_id,
            tokens=tokens,
            adjusts=adjusts,
            timestamp=timestamp,
            metadata=metadata,
        )
        return await self._write("POST", "/costs", Cost, options, body)

    async def create_batch(
        self, costs: Iterable[CostInput], **options: Unpack[WriteOptions]
    ) -> BatchResult:
        """Store up to 1,000 costs; what is unknown leaves a cost unattributed, and is kept."""
        body = {"costs": [_sent(cost) for cost in costs]}
        return await self._write("POST", "/costs/batch", BatchResult, options, body)

    async def get(self, id: str, **options: Unpack[CallOptions]) -> Cost:
        """Return a cost."""
        return await self._get(path("costs", id), Cost, options)

    @listing
    async def list(
        self,
        *,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        agent: str | None = None,
        category: CostCategory | None = None,
        source: wire.CostSource | None = None,
        status: wire.CostStatus | None = None,
        event_id: str | None = None,
        start: date | datetime | str | None = None,
        end: date | datetime | str | None = None,
        **options: Unpack[ListOptions],
    ) -> AsyncPage[Cost]:
        """Return costs by their time, the newest first."""
        query: dict[str, Any] = {
            **customer_filter(customer_id, customer_external_id),
            "agent": agent,
            "category": category,
            "source": source,
            "status": status,
            "event_id": event_id,
            "start": start,
            "end": end,
        }
        return await self._list("/costs", Cost, options, query)

    async def reprice(
        self,
        *,
        start: datetime | str,
        end: datetime | str,
        provider: str | NotGiven = NOT_GIVEN,
        model: str | NotGiven = NOT_GIVEN,
        dry_run: bool | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Repriced:
        """Price the model calls of [start, end) anew, as adjustments; what was stored stays."""
        body = given(start=start, end=end, provider=provider, model=model, dry_run=dry_run)
        return await self._write("POST", "/costs/reprice", Repriced, options, body)


def _sent(cost: CostInput) -> dict[str, Any]:
    made: dict[str, Any] = dict(cost)
    if "amount" in made:
        made["amount"] = decimal(made["amount"])
    return made


class AsyncCostsRaw:
    """The verbs of `client.costs`, each answering an APIResponse."""

    def __init__(self, costs: AsyncCosts) -> None:
        self.create = raw(costs.create)
        self.create_batch = raw(costs.create_batch)
        self.get = raw(costs.get)
        self.list = raw(costs.list)
        self.reprice = raw(costs.reprice)
