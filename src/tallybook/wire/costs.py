"""What the work cost us: cost rows, model prices, and the margin."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictInt, model_validator

from .base import (
    Currency,
    Dec,
    ExternalId,
    IdempotencyKey,
    Instant,
    Metadata,
    NonNegative,
    Ref,
    Request,
    Response,
    Text,
)
from .limits import BATCH_EVENTS_MAX
from .meters import CostCategory

CostSource = Literal["direct", "span", "price_book", "derived", "adjustment"]
CostStatus = Literal["priced", "unpriced", "repriced", "voided"]
CostAttribution = Literal["explicit", "inferred", "none"]
_Count = Annotated[StrictInt, Field(ge=0, le=10**12)]
ProviderName = Annotated[Text, Field(min_length=1, max_length=100)]
ModelName = Annotated[Text, Field(min_length=1, max_length=255)]


class Tokens(Request):
    """Tokens of one call by bucket; none is in two. Reasoning tokens are part of `output`."""

    input: _Count = 0
    """That came neither from the cache nor went into it."""
    cache_read: _Count = 0
    cache_write_5m: _Count = 0
    cache_write_1h: _Count = 0
    output: _Count = 0


class CostCreate(Request):
    """One cost: an amount, or the tokens of a model call that the price book prices.

    `customer_id`, `customer_external_id` and `agent` may be absent: the cost is kept, and shown as
    unattributed. With `adjusts` it corrects an earlier cost; `amount` may then be below 0.
    """

    customer_id: Ref | None = None
    customer_external_id: ExternalId | None = None
    agent: Ref | None = None
    action: Ref | None = None
    """An action of the agent: its id, or the key of its billable meter."""
    meter: Ref | None = None
    """A cost meter; it gives the category."""
    amount: Dec | None = None
    currency: Currency = "USD"
    category: CostCategory | None = None
    provider: ProviderName | None = None
    model: ModelName | None = None
    response_id: Annotated[Text, Field(min_length=1, max_length=255)] | None = None
    tokens: Tokens | None = None
    """Null for a model call: its usage is not known, and it is kept as unpriced."""
    adjusts: Ref | None = None
    timestamp: Instant | None = None
    idempotency_key: IdempotencyKey | None = None
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits(self) -> "CostCreate":
        if self.customer_id is not None and self.customer_external_id is not None:
            raise ValueError("give customer_id or customer_external_id, not both")
        if (self.provider is None) != (self.model is None):
            raise ValueError("give provider and model, or neither")
        if self.amount is None and self.model is None:
            raise ValueError("give an amount, or provider and model")
        if self.amount is not None and self.amount < 0 and self.adjusts is None:
            raise ValueError("amount: must not be negative, unless it adjusts an earlier cost")
        if self.adjusts is not None and self.amount is None:
            raise ValueError("an adjustment needs an amount")
        return self


class CostBatch(Request):
    """Up to 1,000 costs. Unknown customers and agents leave a cost unattributed."""

    costs: Annotated[list[CostCreate], Field(min_length=1, max_length=BATCH_EVENTS_MAX)]


class Cost(Response):
    """One cost. `amount` is null while it is unpriced, for the `reason`."""

    id: str
    timestamp: Instant
    received_at: Instant
    customer_id: str | None = None
    customer_external_id: str | None = None
    agent_id: str | None = None
    action_id: str | None = None
    meter_id: str | None = None
    event_id: str | None = None
    amount: Dec | None = None
    currency: str
    category: CostCategory | str
    source: CostSource | str
    status: CostStatus | str
    reason: str | None = None
    attribution: CostAttribution | str
    provider: str | None = None
    model: str | None = None
    response_id: str | None = None
    adjusts: str | None = None
    tokens: Tokens | None = None
    price: dict[str, Any] | None = None
    """What the amount was worked out with."""
    idempotency_key: str
    metadata: dict[str, Any] = Field(default_factory=dict)


class TokenPrices(Request):
    """USD per million tokens. A kind of input without a price costs as `input`."""

    input: NonNegative | None = None
    cache_read: NonNegative | None = None
    cache_write_5m: NonNegative | None = None
    cache_write_1h: NonNegative | None = None
    output: NonNegative | None = None


def _provider_and_model(value: str) -> str:
    provider, slash, model = value.partition("/")
    if not (provider and slash and model):
        raise ValueError("must be provider/model")
    return value


class ModelPricePut(Request):
    """A price of yours for a model on [effective_from, effective_to): prices, or an alias."""

    provider: ProviderName
    model: ModelName
    prices: TokenPrices | None = None
    alias_of: Annotated[Text, AfterValidator(_provider_and_model)] | None = None
    """`provider/model` that it is priced as: for a deployment with a name of its own."""
    effective_from: Instant
    effective_to: Instant | None = None

    @model_validator(mode="after")
    def _fits(self) -> "ModelPricePut":
        if (self.prices is None) == (self.alias_of is None):
            raise ValueError("give prices, or alias_of")
        if self.prices is not None and (self.prices.input is None or self.prices.output is None):
            raise ValueError("prices: input and output are needed; 0 is a price")
        if self.effective_to is not None and self.effective_to <= self.effective_from:
            raise ValueError("effective_to: must be after effective_from")
        return self


class ModelPrice(Response):
    """What a model costs. Those of the bundled list have neither id nor times."""

    id: str | None = None
    provider: str
    model: str
    prices: TokenPrices | None = None
    alias_of: str | None = None
    listed: dict[str, Any] | None = None
    """Of the bundled list: its prices as it writes them."""
    effective_from: Instant | None = None
    effective_to: Instant | None = None
    origin: Literal["own", "bundled"] | str
    created_at: Instant | None = None
    updated_at: Instant | None = None


class UnpricedModel(Response):
    """Calls that have no price yet."""

    provider: str | None = None
    model: str | None = None
    reason: str | None = None
    costs: int
    first_at: Instant
    last_at: Instant


class Reprice(Request):
    """Which model calls to price anew, by their time: [start, end)."""

    start: Instant
    end: Instant
    provider: ProviderName | None = None
    model: ModelName | None = None
    dry_run: StrictBool = False


class Repriced(Response):
    """What was done, or with `dry_run` what would be."""

    looked_at: int
    adjusted: int
    unpriced: int
    difference: Dec
    currency: str = "USD"


class MarginLine(Response):
    """Revenue and cost of one group, in one currency."""

    group: dict[str, Any]
    """By what the report is grouped: its id, and a name to show."""
    currency: str
    revenue: Dec
    cost: Dec
    cost_by_category: dict[str, Dec]
    margin: Dec
    margin_percent: Dec | None = None
    """Null where there is no revenue."""
    is_under_water: bool
    """It costs more than it brings."""
    unpriced_costs: int
    """How many costs without a price are not in it."""
    quantity: Dec | None = None
    """Of actions: how much work was done."""
    value: dict[str, Any] | None = None
    """Of actions: what the work is worth, by its value metrics."""


class MarginReport(Response):
    """Revenue, cost and margin of [start, end)."""

    start: Instant
    end: Instant
    group_by: str
    basis: Literal["accrued", "invoiced"] | str
    lines: list[MarginLine]
    totals: list[MarginLine]
    """One a currency; they are not added up across currencies."""
    unattributed_cost: dict[str, Dec]
    """By currency: in the totals, and in no customer's line."""
    unpriced_costs: int
