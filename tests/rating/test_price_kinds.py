"""What each price kind promises, for any quantity."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.rating.errors import InvalidQuantity, UncoveredQuantity
from tallybook.server.rating.models import RatedSlice, Tier
from tallybook.server.rating.rules.flat import rate_flat
from tallybook.server.rating.rules.graduated import rate_graduated
from tallybook.server.rating.rules.package import rate_package
from tallybook.server.rating.rules.per_unit import rate_per_unit
from tallybook.server.rating.rules.percentage import rate_percentage
from tallybook.server.rating.rules.volume import rate_volume

from .strategies import decimals, positives, quantities, schedules, step

ONE = Decimal(1)
OPEN = [Tier(ONE)]
KINDS: dict[str, Callable[[Decimal], list[RatedSlice]]] = {
    "per_unit": lambda quantity: rate_per_unit(quantity, unit_price=ONE),
    "graduated": lambda quantity: rate_graduated(quantity, OPEN),
    "volume": lambda quantity: rate_volume(quantity, OPEN),
    "package": lambda quantity: rate_package(quantity, package_size=ONE, package_price=ONE),
    "flat": lambda quantity: rate_flat(quantity, flat_fee=ONE),
    "percentage": lambda quantity: rate_percentage(quantity, rate=ONE),
}
REFUSED = ("NaN", "sNaN", "Infinity", "-Infinity", "-0.000000000001", "1E+40", "1E-41", "1E+999999")


def total(slices: list[RatedSlice]) -> Fraction:
    return sum((Fraction(piece.amount) for piece in slices), Fraction(0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quantity", REFUSED)
def test_no_kind_prices_what_is_not_a_quantity(kind: str, quantity: str) -> None:
    with pytest.raises(InvalidQuantity):
        KINDS[kind](Decimal(quantity))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quantity", ["-0", "9E+39", "1E-40"])
def test_every_kind_prices_the_extreme_quantities(kind: str, quantity: str) -> None:
    assert total(KINDS[kind](Decimal(quantity))) >= 0


def test_the_longest_quantity_times_the_longest_price_is_exact() -> None:
    longest = Decimal("9" * 40 + "." + "9" * 40)
    price = Decimal("9" * 18 + "." + "9" * 12)
    fee = Decimal("9" * 18 + "." + "9" * 12)
    slices = rate_graduated(longest, [Tier(price, None, fee)])
    assert total(slices) == Fraction(longest) * Fraction(price) + Fraction(fee)
    rated = rate_package(longest, package_size=Decimal("1E-12"), package_price=price)
    assert Fraction(rated[0].quantity) == 10**52


@given(quantity=quantities(), unit_price=decimals())
def test_per_unit_is_the_exact_product(quantity: Decimal, unit_price: Decimal) -> None:
    slices = rate_per_unit(quantity, unit_price=unit_price)
    assert total(slices) == Fraction(quantity) * Fraction(unit_price)


@given(quantity=quantities(), rate=decimals(12))
def test_percentage_is_the_exact_product(quantity: Decimal, rate: Decimal) -> None:
    assert total(rate_percentage(quantity, rate=rate)) == Fraction(quantity) * Fraction(rate)


@given(data=st.data(), tiers=schedules(), at_zero=st.booleans())
def test_graduated_slices_add_up_to_the_quantity(
    data: st.DataObject, tiers: list[Tier], at_zero: bool
) -> None:
    quantity = data.draw(quantities(tiers))
    slices = rate_graduated(quantity, tiers, flat_fee_at_zero=at_zero)
    assert sum(Fraction(piece.quantity) for piece in slices) == Fraction(quantity)
    orders = [piece.tier for piece in slices]
    assert orders == list(range(1, len(slices) + 1))
    for piece in slices:
        tier = tiers[(piece.tier or 0) - 1]
        assert (piece.unit_price, piece.flat_fee) == (tier.unit_price, tier.flat_fee)


@given(data=st.data(), tiers=schedules())
def test_graduated_never_costs_less_for_more(data: st.DataObject, tiers: list[Tier]) -> None:
    less, more = sorted([data.draw(quantities(tiers)), data.draw(quantities(tiers))])
    assert total(rate_graduated(less, tiers)) <= total(rate_graduated(more, tiers))


@given(data=st.data(), tiers=schedules())
def test_volume_prices_the_whole_quantity_in_the_tier_that_contains_it(
    data: st.DataObject, tiers: list[Tier]
) -> None:
    quantity = data.draw(quantities(tiers).filter(bool))
    [piece] = rate_volume(quantity, tiers)
    assert piece.tier is not None
    lower = tiers[piece.tier - 2].up_to if piece.tier > 1 else Decimal(0)
    upper = tiers[piece.tier - 1].up_to
    assert lower is not None
    assert lower < quantity
    assert upper is None or quantity <= upper
    assert piece.quantity == quantity


@given(tiers=schedules(open_ended=False).filter(lambda tiers: tiers[-1].up_to is not None))
@pytest.mark.parametrize("rate", [rate_graduated, rate_volume])
def test_past_the_last_bound_is_never_free(
    rate: Callable[[Decimal, list[Tier]], list[RatedSlice]], tiers: list[Tier]
) -> None:
    bound = tiers[-1].up_to
    assert bound is not None
    assert rate(bound, tiers)
    with pytest.raises(UncoveredQuantity) as caught:
        rate(step(bound, 1), tiers)
    assert Decimal(caught.value.details["covered"]) == bound


@pytest.mark.parametrize("rate", [rate_graduated, rate_volume])
def test_without_tiers_nothing_is_covered(
    rate: Callable[[Decimal, list[Tier]], list[RatedSlice]],
) -> None:
    with pytest.raises(UncoveredQuantity) as caught:
        rate(ONE, [])
    assert caught.value.details == {"quantity": "1", "covered": "0"}


@given(quantity=quantities(), size=positives(), price=decimals())
def test_packages_hold_the_quantity_and_one_fewer_would_not(
    quantity: Decimal, size: Decimal, price: Decimal
) -> None:
    slices = rate_package(quantity, package_size=size, package_price=price)
    packages = sum((Fraction(piece.quantity) for piece in slices), Fraction(0))
    assert packages.denominator == 1
    assert packages * Fraction(size) >= Fraction(quantity)
    assert not packages or (packages - 1) * Fraction(size) < Fraction(quantity)
    assert total(slices) == packages * Fraction(price)


@given(quantity=quantities(), fee=decimals(), at_zero=st.booleans())
def test_flat_is_the_fee_or_nothing(quantity: Decimal, fee: Decimal, at_zero: bool) -> None:
    slices = rate_flat(quantity, flat_fee=fee, flat_fee_at_zero=at_zero)
    assert total(slices) == (Fraction(fee) if quantity or at_zero else 0)


@pytest.mark.parametrize("fee", ["0.000000000001", "1", "49"])
def test_a_flat_fee_is_due_at_zero_unless_told_otherwise(fee: str) -> None:
    tiers, zero = [Tier(ONE, ONE, Decimal(fee)), Tier(ONE, None, ONE)], Decimal(0)
    assert total(rate_graduated(zero, tiers)) == Fraction(fee)
    assert total(rate_volume(zero, tiers)) == Fraction(fee)
    assert total(rate_flat(zero, flat_fee=Decimal(fee))) == Fraction(fee)
    assert rate_graduated(zero, tiers, flat_fee_at_zero=False) == []
    assert rate_volume(zero, tiers, flat_fee_at_zero=False) == []
    assert rate_flat(zero, flat_fee=Decimal(fee), flat_fee_at_zero=False) == []
