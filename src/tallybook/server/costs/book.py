"""The price book of LLM models: our own dated prices first, then the bundled list.

The list is `genai-prices`, as it was installed: nothing is fetched. It tells what is unknown by
an error, never by 0; a price in it may be of today only, so the one used is kept with each cost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import Any

from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.kernel.money import plain
from tallybook.server.storage import Tx

from .errors import PricesOverlap
from .models import BUCKETS, ModelPrice, ModelUse, Priced
from .rules.buckets import amount_of
from .rules.derive import to_places
from .rules.providers import known_as
from .store import costs as store


def price_of(tx: Tx, space: SpaceId, use: ModelUse, at: datetime) -> Priced | str:
    """Return what a call of a model cost at a time, or why that is not known."""
    if use.tokens is None:
        return "usage_unknown"
    provider, model = known_as(use.provider), use.model
    own = find_own(tx, space, provider, model, at)
    if own is not None and own.alias_of is not None:
        provider, _, model = own.alias_of.partition("/")
        provider = known_as(provider)
        own = find_own(tx, space, provider, model, at)
    if own is not None and own.alias_of is None:
        prices = {name: plain(price) for name, price in own.prices.items()}
        shown = {"list": "own", "provider": provider, "model": model, "per_million": prices}
        return Priced(to_places(amount_of(use.tokens, own.prices)), {**shown, "id": own.id})
    return bundled_price(provider, model, use.tokens, at)


def bundled_price(
    provider: str, model: str, tokens: Mapping[str, int], at: datetime
) -> Priced | str:
    """Return what the bundled list says; `model_unknown` where it says nothing."""
    from genai_prices import Usage, calc_price  # large, and only for those who have such costs

    written = tokens.get("cache_write_5m", 0) + tokens.get("cache_write_1h", 0)
    total = tokens.get("input", 0) + tokens.get("cache_read", 0) + written
    usage = Usage(
        input_tokens=total,
        cache_read_tokens=tokens.get("cache_read", 0),
        cache_write_tokens=written,
        cache_write_5m_tokens=tokens.get("cache_write_5m", 0),
        cache_write_1h_tokens=tokens.get("cache_write_1h", 0),
        output_tokens=tokens.get("output", 0),
    )
    try:
        found = calc_price(usage, model, provider_id=provider, genai_request_timestamp=at)
    except (LookupError, ValueError):
        return "model_unknown"
    shown = {
        "list": _bundled_name(),
        "provider": found.provider.id,
        "model": found.model.id,
        "prices": _shown(found.model_price),
    }
    return Priced(to_places(Decimal(found.total_price)), shown)


@cache
def _bundled_name() -> str:
    return f"genai-prices {version('genai-prices')}"


def _shown(price: Any) -> dict[str, Any]:
    """Return the unit prices of the list as texts; a tiered one as the list writes it."""
    return {
        name: plain(value) if isinstance(value, Decimal) else str(value)
        for name, value in vars(price).items()
        if value is not None
    }


def find_own(tx: Tx, space: SpaceId, provider: str, model: str, at: datetime) -> ModelPrice | None:
    seen = tx.notes.setdefault("model_prices", {})  # a batch is mostly of one model
    key = (space, provider, model)
    if key not in seen:
        seen[key] = store.list_prices(tx, space, provider=provider, model=model)
    return next((price for price in seen[key] if price.covers(at)), None)


def put(
    tx: Tx,
    space: SpaceId,
    *,
    provider: str,
    model: str,
    prices: Mapping[str, Decimal],
    alias_of: str | None,
    effective_from: datetime,
    effective_to: datetime | None,
    at: datetime,
) -> ModelPrice:
    """Set our own price of a model from a time on, in place of one that begins then.

    An open end of the one before is closed. Errors: PricesOverlap.
    """
    name = known_as(provider)
    others = store.list_prices(tx, space, provider=name, model=model)
    same = next((price for price in others if price.effective_from == effective_from), None)
    made = ModelPrice(
        id=new_id("mdp") if same is None else same.id,
        provider=name,
        model=model,
        prices={bucket: prices[bucket] for bucket in BUCKETS if bucket in prices},
        alias_of=alias_of,
        effective_from=effective_from,
        effective_to=effective_to,
        created_at=at if same is None else same.created_at,
        updated_at=at,
    )
    for other in others:
        if other.effective_from == effective_from:
            continue
        if other.effective_from < effective_from and other.effective_to is None:
            store.save_price(tx, space, replace(other, effective_to=effective_from, updated_at=at))
        elif _overlap(other, made):
            raise PricesOverlap(begins=other.effective_from.isoformat())
    store.save_price(tx, space, made)
    tx.notes.pop("model_prices", None)
    return made


def list_own(
    tx: Tx, space: SpaceId, *, provider: str | None = None, model: str | None = None
) -> list[ModelPrice]:
    name = None if provider is None else known_as(provider)
    return store.list_prices(tx, space, provider=name, model=model)


def list_bundled(provider: str | None = None, search: str | None = None) -> Sequence[Any]:
    """Return (provider, model, prices) of the bundled list."""
    from genai_prices.data import providers

    wanted = None if provider is None else known_as(provider)
    found = []
    for one in providers:
        if wanted not in (None, one.id):
            continue
        for model in one.models:
            if search is None or search.lower() in model.id.lower():
                prices = model.prices
                is_plain = not isinstance(prices, list)
                found.append((one.id, model.id, _shown(prices) if is_plain else {}))
    return found


def _overlap(one: ModelPrice, two: ModelPrice) -> bool:
    starts_before = two.effective_to is None or one.effective_from < two.effective_to
    return starts_before and (one.effective_to is None or two.effective_from < one.effective_to)
