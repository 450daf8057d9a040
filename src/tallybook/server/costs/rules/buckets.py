"""Token buckets: disjoint, whatever way the sender counts them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from tallybook.server.costs.models import BUCKETS
from tallybook.server.kernel.money import EXACT, ZERO

_MILLION: Final = Decimal(1_000_000)


class Ambiguous(ValueError):
    """More tokens came from the cache than there were: the sender counts them apart."""


def from_total(
    *, total_input: int, output: int, cache_read: int = 0, write_5m: int = 0, write_1h: int = 0
) -> dict[str, int]:
    """Return buckets from a total that includes what the cache gave and took.

    Errors: Ambiguous. Source: costs.md, pitfall 4.
    """
    uncached = total_input - cache_read - write_5m - write_1h
    if uncached < 0:
        raise Ambiguous(f"{total_input} input tokens, and more of the cache")
    return {
        "input": uncached,
        "cache_read": cache_read,
        "cache_write_5m": write_5m,
        "cache_write_1h": write_1h,
        "output": output,
    }


def amount_of(tokens: Mapping[str, int], prices: Mapping[str, Decimal]) -> Decimal:
    """Return what tokens cost, exactly. `prices`: major units per million tokens, by bucket.

    A kind of input without a price costs as input. Holds: the sum of the buckets' amounts.
    """
    amount = ZERO
    for bucket in BUCKETS:
        fallback = ZERO if bucket == "output" else prices.get("input", ZERO)
        price = prices.get(bucket, fallback)
        amount = EXACT.add(amount, EXACT.multiply(Decimal(tokens.get(bucket, 0)), price))
    return EXACT.divide(amount, _MILLION)
