"""The order of rating, quota windows, and the minimum."""

from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.kernel.money import EXACT, minor_units, quantize_money
from tallybook.server.rating.errors import (
    AmountTooLarge,
    InvalidQuantity,
    UnexpectedWindows,
    UnreadableShape,
)
from tallybook.server.rating.models import (
    LimitType,
    Overage,
    PriceShape,
    PricingModel,
    QuotaWindow,
    RatedUsage,
    WindowUsage,
)
from tallybook.server.rating.rules.included import split_units
from tallybook.server.rating.rules.minimum import line_amounts, minimum_of
from tallybook.server.rating.rules.pipeline import price_units, rate_usage

from .oracle import expected_amount
from .strategies import decimals, quantities, shapes

D = Decimal
DAILY = PriceShape(
    PricingModel.PER_UNIT,
    unit_price=D(2),
    included_units=D(10),
    limit_type=LimitType.EVENT_QUOTA,
    event_quota_window=QuotaWindow.DAY,
)


def per_unit(unit_price: str, **terms: Any) -> PriceShape:
    return PriceShape(PricingModel.PER_UNIT, unit_price=D(unit_price), **terms)


@given(shape=shapes(), quantity=quantities())
def test_any_quantity_under_any_shape_costs_what_fractions_say(
    shape: PriceShape, quantity: Decimal
) -> None:
    rated = rate_usage(shape, quantity)
    assert Fraction(rated.amount) == expected_amount(shape, quantity)
    assert Fraction(rated.amount) == sum(Fraction(piece.amount) for piece in rated.slices)
    for piece in rated.slices:
        product = Fraction(piece.quantity) * Fraction(piece.unit_price)
        assert Fraction(piece.amount) == product + Fraction(piece.flat_fee)


@given(shape=shapes(), data=st.data())
def test_a_quantity_at_a_bound_costs_what_fractions_say(
    shape: PriceShape, data: st.DataObject
) -> None:
    quantity = data.draw(quantities(list(shape.tiers)))
    with localcontext(EXACT):
        quantity += shape.included_units
    assert Fraction(rate_usage(shape, quantity).amount) == expected_amount(shape, quantity)


def test_a_million_small_events_are_rounded_once() -> None:
    with localcontext(EXACT):
        quantity = sum((D("0.0001") for _ in range(1_000_000)), D(0))
    rated = rate_usage(per_unit("0.000128"), quantity)
    assert rated.amount == D("0.0128")
    assert line_amounts(rated, currency="USD").usage == D("0.01")


windows = st.lists(
    st.builds(
        WindowUsage,
        quantity=decimals(),
        used_before=st.just(D(0)) | decimals(),
        included_units=st.none() | decimals(),
    ),
    max_size=6,
)


def over(used: Fraction, granted: Fraction) -> Fraction:
    return max(Fraction(0), used - granted)


@given(windows=windows, included=decimals(), overage=st.sampled_from(Overage))
def test_every_unit_is_included_or_billed_or_uncharged(
    windows: list[WindowUsage], included: Decimal, overage: Overage
) -> None:
    shape = per_unit("1", included_units=included, overage=overage)
    split = split_units(shape, windows)
    quantity = sum((Fraction(window.quantity) for window in windows), Fraction(0))
    expected = Fraction(0)
    for window in windows:
        granted = included if window.included_units is None else window.included_units
        before, used = Fraction(window.used_before), Fraction(window.quantity)
        expected += over(before + used, Fraction(granted)) - over(before, Fraction(granted))
    assert Fraction(split.quantity) == quantity
    assert Fraction(split.included) == quantity - expected
    assert Fraction(split.billable) == (expected if overage is Overage.BILL else 0)
    assert Fraction(split.uncharged) == (0 if overage is Overage.BILL else expected)
    assert min(split.included, split.billable, split.uncharged) >= 0


@given(first=decimals(), second=decimals(), included=decimals())
def test_a_window_over_two_periods_bills_as_much_as_a_whole_one(
    first: Decimal, second: Decimal, included: Decimal
) -> None:
    shape = per_unit("1", included_units=included)
    earlier = split_units(shape, [WindowUsage(first)])
    later = split_units(shape, [WindowUsage(second, used_before=first)])
    with localcontext(EXACT):
        whole = split_units(shape, [WindowUsage(first + second)])
        assert earlier.billable + later.billable == whole.billable
        assert earlier.included + later.included == whole.included
    assert earlier.included == min(first, included)  # the earlier period takes first


def test_included_units_are_granted_anew_in_each_window() -> None:
    rated = rate_usage(DAILY, [WindowUsage(D(n)) for n in (4, 10, 25)])
    assert [rated.quantity, rated.included_units_used, rated.billable_units] == [39, 24, 15]
    assert rated.amount == 30


def test_tiers_run_on_the_billable_units_of_all_windows() -> None:
    shape = PriceShape(
        PricingModel.PACKAGE,
        package_size=D(10),
        package_price=D(1),
        included_units=D(10),
        limit_type=LimitType.EVENT_QUOTA,
        event_quota_window=QuotaWindow.WEEK,
    )
    rated = rate_usage(shape, [WindowUsage(D(13)), WindowUsage(D(17))])
    assert rated.billable_units == 10
    assert rated.amount == 1  # one package, not one for each window


def test_a_window_may_grant_fewer_units_than_the_shape() -> None:
    rated = rate_usage(DAILY, [WindowUsage(D(8), included_units=D(3))])
    assert rated.billable_units == 5


def test_no_window_is_no_usage() -> None:
    shape = PriceShape(PricingModel.FLAT, flat_fee=D(9))
    assert rate_usage(shape, []) == rate_usage(shape, D(0))
    assert rate_usage(shape, []).amount == 9


@pytest.mark.parametrize("window", QuotaWindow)
def test_only_recurring_windows_come_in_numbers(window: QuotaWindow) -> None:
    shape = per_unit("1", limit_type=LimitType.EVENT_QUOTA, event_quota_window=window)
    usage = [WindowUsage(D(1)), WindowUsage(D(2))]
    if window in {QuotaWindow.BILLING_PERIOD, QuotaWindow.LIFETIME}:
        with pytest.raises(UnexpectedWindows):
            rate_usage(shape, usage)
    else:
        assert rate_usage(shape, usage).amount == 3
    assert rate_usage(shape, usage[:1]).amount == 1


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-1"])
@pytest.mark.parametrize("field", ["quantity", "used_before", "included_units"])
def test_no_figure_of_a_window_may_be_odd(field: str, bad: str) -> None:
    figures: dict[str, Any] = {"quantity": D(1), field: D(bad)}
    with pytest.raises(InvalidQuantity):
        rate_usage(DAILY, [WindowUsage(**figures)])


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-1"])
def test_a_bare_quantity_may_not_be_odd(bad: str) -> None:
    with pytest.raises(InvalidQuantity):
        rate_usage(per_unit("1"), D(bad))


@pytest.mark.parametrize(
    ("used", "true_up"), [("0", 100), ("49.5", 1), ("50", 0), ("50.000000000001", 0), ("80", 0)]
)
def test_the_true_up_is_what_is_missing_to_the_minimum(used: str, true_up: int) -> None:
    rated = rate_usage(per_unit("2", minimum_commitment=D(100)), D(used))
    assert [rated.minimum, rated.true_up] == [100, true_up]


def test_a_part_of_a_period_prorates_the_minimum_and_nothing_else() -> None:
    shape = PriceShape(
        PricingModel.FLAT, flat_fee=D(10), included_units=D(5), minimum_commitment=D(100)
    )
    rated = rate_usage(shape, D(8), part_of_period=Fraction(1, 3))
    assert rated.minimum == Fraction(100, 3)
    assert rated.true_up == Fraction(70, 3)
    assert [rated.amount, rated.included_units_used] == [10, 5]
    amounts = line_amounts(rated, currency="USD")
    assert (amounts.usage, amounts.true_up) == (D("10.00"), D("23.33"))


@pytest.mark.parametrize("part", [Fraction(-1, 9), Fraction(10, 9)])
def test_a_part_is_between_nothing_and_the_whole(part: Fraction) -> None:
    with pytest.raises(ValueError, match="not a part"):
        minimum_of(per_unit("1"), part_of_period=part)
    assert minimum_of(per_unit("1", minimum_commitment=D(3)), part_of_period=Fraction(0)) == 0
    assert minimum_of(per_unit("1", minimum_commitment=D(3)), part_of_period=Fraction(1)) == 3


def test_the_lines_of_a_minimum_never_add_up_to_a_cent_more() -> None:
    rated = rate_usage(per_unit("1", minimum_commitment=D(10)), D("3.335"))
    amounts = line_amounts(rated, currency="USD")
    assert (amounts.usage, amounts.true_up, amounts.total) == (D("3.34"), D("6.66"), D("10.00"))


@given(
    shape=shapes(),
    quantity=quantities(),
    part=st.fractions(0, 1, max_denominator=2_678_400),
    currency=st.sampled_from(["JPY", "USD", "KWD"]),
)
def test_lines_are_the_larger_of_rounded_usage_and_rounded_minimum(
    shape: PriceShape, quantity: Decimal, part: Fraction, currency: str
) -> None:
    rated = rate_usage(shape, quantity, part_of_period=part)
    minimum = Fraction(shape.minimum_commitment or 0) * part
    assert Fraction(rated.amount) + rated.true_up == max(Fraction(rated.amount), minimum)
    usage, floor = quantize_money(rated.amount, currency), quantize_money(minimum, currency)
    if max(usage, floor) >= 10**18:
        with pytest.raises(AmountTooLarge):
            line_amounts(rated, currency=currency)
        return
    amounts = line_amounts(rated, currency=currency)
    assert amounts.usage == usage
    assert amounts.total == max(usage, floor)
    assert Fraction(amounts.usage) + Fraction(amounts.true_up) == Fraction(amounts.total)
    for amount in (amounts.usage, amounts.true_up, amounts.total):
        assert amount.as_tuple().exponent == -minor_units(currency)


@pytest.mark.parametrize("terms", [{"unit_price": "1E+9"}, {"minimum_commitment": "1E+18"}])
def test_no_line_is_longer_than_money_may_be(terms: dict[str, str]) -> None:
    just: dict[str, Any] = {name: D(term) - D("0.01") for name, term in terms.items()}
    price = PriceShape(PricingModel.PER_UNIT, **{"unit_price": D(0), **just})
    assert line_amounts(rate_usage(price, D("1E+9")), currency="KWD").total < 10**18
    most: dict[str, Any] = {name: D(term) for name, term in terms.items()}
    price = replace(price, **most)
    with pytest.raises(AmountTooLarge):
        line_amounts(rate_usage(price, D("1E+9")), currency="KWD")


@given(shape=shapes(), quantity=quantities(), part=st.fractions(0, 1, max_denominator=1000))
def test_what_was_rated_is_read_back_as_it_was(
    shape: PriceShape, quantity: Decimal, part: Fraction
) -> None:
    rated = rate_usage(shape, quantity, part_of_period=part)
    assert RatedUsage.from_json(rated.to_json()) == rated


@pytest.mark.parametrize("model", ["per_unit", "package", "flat", "percentage"])
def test_a_shape_without_its_price_is_our_fault(model: str) -> None:
    with pytest.raises(UnreadableShape):
        price_units(PriceShape(PricingModel(model)), D(1))
