"""Budgets: thresholds of what work costs."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Unpack

from tallybook.client.encoding import DecimalInput, Json, decimal
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import customer_filter, path
from tallybook.client.types.budgets import Budget
from tallybook.wire.budgets import BudgetKind, BudgetPeriod

from .pages import AsyncPage
from .resources import AsyncResource
from .verbs import listing, raw


class AsyncBudgets(AsyncResource):
    """`client.budgets`."""

    @cached_property
    def with_raw_response(self) -> "AsyncBudgetsRaw":
        return AsyncBudgetsRaw(self)

    async def create(
        self,
        *,
        name: str,
        amount: DecimalInput,
        customer_id: str | NotGiven = NOT_GIVEN,
        customer_external_id: str | NotGiven = NOT_GIVEN,
        agent: str | NotGiven = NOT_GIVEN,
        kind: BudgetKind | NotGiven = NOT_GIVEN,
        currency: str | NotGiven = NOT_GIVEN,
        period: BudgetPeriod | NotGiven = NOT_GIVEN,
        thresholds: Iterable[DecimalInput] | NotGiven = NOT_GIVEN,
        hard_stop: bool | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Budget:
        """Set a budget of a customer, of an agent, or with neither of the whole project.

        At each threshold (shares; 0.5, 0.8 and 1 unless said) `budget.threshold_reached` comes
        once a period; with `hard_stop`, access is denied from the amount to the period's end.
        """
        body = given(
            name=name,
            amount=decimal(amount),
            customer_id=customer_id,
            customer_external_id=customer_external_id,
            agent=agent,
            kind=kind,
            currency=currency,
            period=period,
            thresholds=_shares(thresholds),
            hard_stop=hard_stop,
            metadata=metadata,
        )
        return await self._write("POST", "/budgets", Budget, options, body)

    async def get(self, id: str, **options: Unpack[CallOptions]) -> Budget:
        """Return a budget, with what is spent of it now."""
        return await self._get(path("budgets", id), Budget, options)

    async def update(
        self,
        id: str,
        *,
        name: str | NotGiven = NOT_GIVEN,
        amount: DecimalInput | NotGiven = NOT_GIVEN,
        thresholds: Iterable[DecimalInput] | NotGiven = NOT_GIVEN,
        hard_stop: bool | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Budget:
        """Change the given fields; raised above what is spent, a hard stop is over at once."""
        body = given(
            name=name,
            amount=decimal(amount),
            thresholds=_shares(thresholds),
            hard_stop=hard_stop,
            metadata=metadata,
        )
        return await self._write("PATCH", path("budgets", id), Budget, options, body)

    async def delete(self, id: str, **options: Unpack[WriteOptions]) -> None:
        """Delete a budget; access that it denied is given back."""
        return await self._delete(path("budgets", id), options)

    @listing
    async def list(
        self,
        *,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        agent: str | None = None,
        **options: Unpack[ListOptions],
    ) -> AsyncPage[Budget]:
        """Return budgets, newest first."""
        query = {**customer_filter(customer_id, customer_external_id), "agent": agent}
        return await self._list("/budgets", Budget, options, query)


def _shares(given_: Iterable[DecimalInput] | NotGiven) -> object:
    if isinstance(given_, NotGiven):
        return given_
    return [decimal(share) for share in given_]


class AsyncBudgetsRaw:
    """The verbs of `client.budgets`, each answering an APIResponse."""

    def __init__(self, budgets: AsyncBudgets) -> None:
        self.create = raw(budgets.create)
        self.get = raw(budgets.get)
        self.update = raw(budgets.update)
        self.delete = raw(budgets.delete)
        self.list = raw(budgets.list)
