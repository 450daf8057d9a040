"""Results of costs that have no methods."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict

from tallybook.client.encoding import DecimalInput, Json
from tallybook.client.responses import Result
from tallybook.wire import costs as wire
from tallybook.wire.meters import CostCategory


class TokenCounts(TypedDict, total=False):
    """Tokens of one call by bucket; none is in two. Reasoning is part of `output`."""

    input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int


class TokenPriceInput(TypedDict, total=False):
    """USD per million tokens; a kind of input without a price costs as `input`."""

    input: DecimalInput
    cache_read: DecimalInput
    cache_write_5m: DecimalInput
    cache_write_1h: DecimalInput
    output: DecimalInput


class CostInput(TypedDict, total=False):
    """One cost: an amount, or provider, model and tokens. The customer may be absent."""

    customer_id: str
    customer_external_id: str
    agent: str
    action: str
    meter: str
    amount: DecimalInput
    currency: str
    category: CostCategory
    provider: str
    model: str
    response_id: str
    tokens: TokenCounts | None
    timestamp: datetime | str
    idempotency_key: str
    metadata: Mapping[str, Json]


class Cost(Result, wire.Cost):
    """One cost."""


class ModelPrice(Result, wire.ModelPrice):
    """What a model costs."""


class UnpricedModel(Result, wire.UnpricedModel):
    """Calls that have no price yet."""


class Repriced(Result, wire.Repriced):
    """What repricing did."""


class MarginReport(Result, wire.MarginReport):
    """Revenue, cost and margin of a span."""
