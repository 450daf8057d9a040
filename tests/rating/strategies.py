"""Quantities, prices and shapes within the limits of the wire, bounds drawn often."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tallybook.server.rating.models import Overage, PriceShape, PricingModel, Tier

STEP = Decimal("0.000000000001")  # the smallest step that the wire carries


def decimals(digits: int = 30) -> st.SearchStrategy[Decimal]:
    """Decimals of at most 12 places: whole ones, small ones, and ones of full length."""
    return st.one_of(
        st.integers(0, 10_000).map(Decimal),
        st.integers(0, 10**6).map(lambda n: Decimal(f"{n}E-3")),
        st.integers(0, 10**digits - 1).map(lambda n: Decimal(f"{n}E-12")),
    )


def positives(digits: int = 30) -> st.SearchStrategy[Decimal]:
    return decimals(digits).filter(bool)


@st.composite
def schedules(draw: st.DrawFn, *, open_ended: bool = True) -> list[Tier]:
    """Draw one to five contiguous tiers."""
    ends = sorted(draw(st.lists(positives(), min_size=0, max_size=4, unique=True)))
    bounds: list[Decimal | None] = [*ends]
    if open_ended or not ends:
        bounds.append(None)
    return [Tier(draw(decimals()), end, draw(decimals())) for end in bounds]


def quantities(tiers: list[Tier] | None = None) -> st.SearchStrategy[Decimal]:
    """Any quantity; with tiers, often one at a bound or a smallest step off it."""
    bounds = [tier.up_to for tier in tiers or [] if tier.up_to is not None]
    if not bounds:
        return decimals()
    return st.one_of(
        decimals(),
        st.sampled_from(bounds),
        st.sampled_from(bounds).map(lambda bound: step(bound, 1)),
        st.sampled_from(bounds).map(lambda bound: step(bound, -1)),
    )


def step(quantity: Decimal, steps: int) -> Decimal:
    """Move by smallest steps, with integers: the default context would round."""
    scaled = int(format(quantity, ".12f").replace(".", "")) + steps
    return Decimal(f"{scaled}E-12")


@st.composite
def shapes(draw: st.DrawFn) -> PriceShape:
    """Draw any valid shape that covers every quantity."""
    model = draw(st.sampled_from(PricingModel))
    price: dict[str, Any]
    match model:
        case PricingModel.PER_UNIT:
            price = {"unit_price": draw(decimals())}
        case PricingModel.GRADUATED | PricingModel.VOLUME:
            price = {"tiers": tuple(draw(schedules())), "flat_fee_at_zero": draw(st.booleans())}
        case PricingModel.PACKAGE:
            price = {"package_size": draw(positives()), "package_price": draw(decimals())}
        case PricingModel.FLAT:
            price = {"flat_fee": draw(decimals()), "flat_fee_at_zero": draw(st.booleans())}
        case PricingModel.PERCENTAGE:
            price = {"rate": draw(decimals(12))}
    return PriceShape(
        model,
        included_units=draw(decimals()),
        minimum_commitment=draw(st.none() | decimals()),
        overage=draw(st.sampled_from([Overage.BILL, Overage.FREE])),
        **price,
    )
