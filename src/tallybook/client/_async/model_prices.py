"""Model prices: what LLM models cost, as the price book has it."""

from datetime import datetime
from functools import cached_property
from typing import Any, Literal, Unpack, cast

from tallybook.client.encoding import decimal
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import ListOptions, WriteOptions
from tallybook.client.types.costs import ModelPrice, TokenPriceInput, UnpricedModel

from .pages import AsyncPage
from .resources import AsyncResource
from .verbs import listing, raw


class AsyncModelPrices(AsyncResource):
    """`client.model_prices`."""

    @cached_property
    def with_raw_response(self) -> "AsyncModelPricesRaw":
        return AsyncModelPricesRaw(self)

    @listing
    async def list(
        self,
        *,
        origin: Literal["own", "bundled"] | None = None,
        provider: str | None = None,
        model: str | None = None,
        **options: Unpack[ListOptions],
    ) -> AsyncPage[ModelPrice]:
        """Return your own prices, then the bundled list; `origin` chooses one of them."""
        query = {"origin": origin, "provider": provider, "model": model}
        return await self._list("/model-prices", ModelPrice, options, query)

    async def put(
        self,
        *,
        provider: str,
        model: str,
        prices: TokenPriceInput | NotGiven = NOT_GIVEN,
        alias_of: str | NotGiven = NOT_GIVEN,
        effective_from: datetime | str,
        effective_to: datetime | str | NotGiven | None = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> ModelPrice:
        """Set your price of a model from a time on, or what it is priced as (`alias_of`)."""
        written: object = prices
        if not isinstance(prices, NotGiven):
            written = {bucket: decimal(cast("Any", price)) for bucket, price in prices.items()}
        body = given(
            provider=provider,
            model=model,
            prices=written,
            alias_of=alias_of,
            effective_from=effective_from,
            effective_to=effective_to,
        )
        return await self._write("PUT", "/model-prices", ModelPrice, options, body)

    @listing
    async def unpriced(self, **options: Unpack[ListOptions]) -> AsyncPage[UnpricedModel]:
        """Return what has no price yet, and why."""
        return await self._list("/model-prices/unpriced", UnpricedModel, options, {})


class AsyncModelPricesRaw:
    """The verbs of `client.model_prices`, each answering an APIResponse."""

    def __init__(self, model_prices: AsyncModelPrices) -> None:
        self.list = raw(model_prices.list)
        self.put = raw(model_prices.put)
        self.unpriced = raw(model_prices.unpriced)
