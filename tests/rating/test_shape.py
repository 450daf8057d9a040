"""Which terms fit together, and where the refusal points."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from tallybook.server.kernel.errors import Refusal
from tallybook.server.rating.errors import PriceShapeInvalid, TiersNotContiguous, UnreadableShape
from tallybook.server.rating.models import (
    LimitType,
    Overage,
    PriceShape,
    PricingModel,
    QuotaWindow,
    Tier,
)
from tallybook.server.rating.rules.shape import (
    PRICE_TERMS,
    build_shape,
    revise_shape,
    terms_of,
)
from tallybook.server.rating.rules.tiers import TierBounds, bounds_of, read_tiers

from .cases import tier
from .strategies import schedules, shapes

D = Decimal
PRICES: dict[str, Any] = {
    "unit_price": D(1),
    "package_size": D(100),
    "package_price": D(5),
    "tiers": [tier("0", None, "1")],
    "flat_fee": D(3),
    "rate": D("0.029"),
}


def fitting(model: str) -> dict[str, Any]:
    return {"pricing_model": model, **{n: PRICES[n] for n in PRICE_TERMS[PricingModel(model)]}}


def refusal(call: Callable[..., object], **terms: Any) -> tuple[str, list[tuple[str, str]]]:
    with pytest.raises(Refusal) as caught:
        call(**terms)
    return caught.value.code, [(error.pointer, error.code) for error in caught.value.errors]


@pytest.mark.parametrize("model", PricingModel)
def test_the_defaults_of_a_shape(model: str) -> None:
    shape = build_shape(**fitting(model))
    assert shape.pricing_model is PricingModel(model)
    assert shape.included_units == 0
    assert shape.minimum_commitment is None
    assert shape.flat_fee_at_zero is True
    assert (shape.overage, shape.limit_type) == (Overage.BILL, LimitType.NONE)
    assert shape.event_quota_window is QuotaWindow.BILLING_PERIOD


@pytest.mark.parametrize("model", PricingModel)
@pytest.mark.parametrize("name", PRICES)
def test_a_price_belongs_to_its_model(model: PricingModel, name: str) -> None:
    terms = fitting(model)
    if name in PRICE_TERMS[model]:
        expected = ("price_shape_invalid", [(f"/{name}", "required")])
        assert refusal(build_shape, **{**terms, name: None}) == expected
    else:
        expected = ("price_shape_invalid", [(f"/{name}", "does_not_fit")])
        assert refusal(build_shape, **{**terms, name: PRICES[name]}) == expected


@pytest.mark.parametrize("model", PricingModel)
def test_only_prices_with_a_flat_fee_ask_about_zero(model: PricingModel) -> None:
    terms = {**fitting(model), "flat_fee_at_zero": False}
    if model in {PricingModel.GRADUATED, PricingModel.VOLUME, PricingModel.FLAT}:
        assert build_shape(**terms).flat_fee_at_zero is False
    else:
        assert refusal(build_shape, **terms)[1] == [("/flat_fee_at_zero", "does_not_fit")]


def test_tiered_means_graduated() -> None:
    shape = build_shape(pricing_model="tiered", tiers=PRICES["tiers"])
    assert shape.pricing_model is PricingModel.GRADUATED


@pytest.mark.parametrize(
    ("overage", "limit_type", "expected"),
    [
        ("bill", None, LimitType.NONE),
        ("free", None, LimitType.NONE),
        ("deny", None, LimitType.EVENT_QUOTA),
        ("bill", "event_quota", LimitType.EVENT_QUOTA),
        ("free", "event_quota", LimitType.EVENT_QUOTA),
        ("deny", "event_quota", LimitType.EVENT_QUOTA),
        ("bill", "none", LimitType.NONE),
        ("free", "none", LimitType.NONE),
        ("deny", "none", None),
    ],
)
def test_which_limit_an_overage_has(
    overage: str, limit_type: str | None, expected: LimitType | None
) -> None:
    terms = {**fitting("per_unit"), "overage": overage, "limit_type": limit_type}
    if expected is None:
        assert refusal(build_shape, **terms)[1] == [("/limit_type", "does_not_fit")]
    else:
        assert build_shape(**terms).limit_type is expected


@pytest.mark.parametrize("window", QuotaWindow)
@pytest.mark.parametrize("limit_type", LimitType)
def test_only_a_quota_has_other_windows(window: QuotaWindow, limit_type: LimitType) -> None:
    terms = {**fitting("per_unit"), "limit_type": limit_type, "event_quota_window": window}
    if limit_type is LimitType.EVENT_QUOTA or window is QuotaWindow.BILLING_PERIOD:
        shape = build_shape(**terms)
        assert shape.event_quota_window is window
        assert shape.needs_additive_meter is (window is not QuotaWindow.BILLING_PERIOD)
    else:
        assert refusal(build_shape, **terms)[1] == [("/event_quota_window", "does_not_fit")]


@pytest.mark.parametrize("name", ["pricing_model", "overage", "limit_type", "event_quota_window"])
def test_unknown_words_are_refused(name: str) -> None:
    terms = {**fitting("per_unit"), name: "sometimes"}
    assert refusal(build_shape, **terms) == ("price_shape_invalid", [(f"/{name}", "unknown")])


def test_a_shape_says_how_it_prices() -> None:
    assert refusal(build_shape, unit_price=D(1))[1] == [("/pricing_model", "required")]


BAD_NUMBERS = [
    "NaN",
    "sNaN",
    "Infinity",
    "-1",
    "-0.000000000001",
    "1000000000000000000",
    "0.0000000000001",
    "1E+999999",
    "1E-999999",
]


@pytest.mark.parametrize("number", BAD_NUMBERS)
@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("per_unit", "unit_price"),
        ("per_unit", "included_units"),
        ("per_unit", "minimum_commitment"),
        ("package", "package_size"),
        ("package", "package_price"),
        ("flat", "flat_fee"),
        ("percentage", "rate"),
    ],
)
def test_a_number_of_a_shape_is_within_the_limits(model: str, name: str, number: str) -> None:
    terms = {**fitting(model), name: D(number)}
    assert refusal(build_shape, **terms) == (
        "price_shape_invalid",
        [(f"/{name}", "out_of_range")],
    )


@pytest.mark.parametrize("number", BAD_NUMBERS)
@pytest.mark.parametrize("name", ["start_unit", "end_unit", "unit_price", "flat_fee"])
def test_a_number_of_a_tier_is_within_the_limits(name: str, number: str) -> None:
    odd: dict[str, Any] = {name: D(number)}
    tiers = [tier("0", "10", "1"), replace(tier("11", "20", "1"), **odd)]
    assert refusal(build_shape, pricing_model="volume", tiers=tiers) == (
        "price_shape_invalid",
        [(f"/tiers/1/{name}", "out_of_range")],
    )


@pytest.mark.parametrize("number", ["0", "999999999999999999.999999999999", "0.000000000001"])
def test_the_extreme_numbers_are_taken(number: str) -> None:
    assert build_shape(pricing_model="per_unit", unit_price=D(number)).unit_price == D(number)


def test_a_package_holds_something() -> None:
    terms = {**fitting("package"), "package_size": D(0)}
    assert refusal(build_shape, **terms)[1] == [("/package_size", "out_of_range")]


def test_all_faults_are_named_at_once_below_the_pointer() -> None:
    code, errors = refusal(
        build_shape,
        pointer="/meter_overrides/2",
        pricing_model="per_unit",
        rate=D(-1),
        overage="deny",
        limit_type="none",
    )
    assert code == "price_shape_invalid"
    assert set(errors) == {
        ("/meter_overrides/2/unit_price", "required"),
        ("/meter_overrides/2/rate", "does_not_fit"),
        ("/meter_overrides/2/rate", "out_of_range"),
        ("/meter_overrides/2/limit_type", "does_not_fit"),
    }


CONTIGUOUS: dict[str, list[tuple[str, str | None]]] = {
    "as both seeds write them": [("0", "100"), ("101", "1000"), ("1001", None)],
    "from one": [("1", "100"), ("101", None)],
    "bounds shared": [("0", "100"), ("100", "1000"), ("1000", None)],
    "fractions": [("0", "0.5"), ("0.5", "2.5"), ("3.5", None)],
    "one unit": [("0", "1"), ("2", "2"), ("3", "3")],
    "closed": [("0", "100")],
    "open": [("0", None)],
}
BROKEN: dict[str, tuple[list[tuple[str, str | None]], list[tuple[str, str]]]] = {
    "a gap": ([("0", "100"), ("102", None)], [("/tiers/1/start_unit", "not_contiguous")]),
    "a gap of less than a unit": (
        [("0", "100"), ("100.5", None)],
        [("/tiers/1/start_unit", "not_contiguous")],
    ),
    "an overlap": ([("0", "100"), ("99", None)], [("/tiers/1/start_unit", "not_contiguous")]),
    "a late start": ([("2", "100")], [("/tiers/0/start_unit", "not_contiguous")]),
    "an open tier before the last": (
        [("0", None), ("1", None)],
        [("/tiers/0/end_unit", "open_before_last")],
    ),
    "an end at its start": ([("0", "0")], [("/tiers/0/end_unit", "not_rising")]),
    "an end before its start": (
        [("0", "100"), ("101", "100.5")],
        [("/tiers/1/end_unit", "not_rising")],
    ),
    "an empty tier": (
        [("0", "100"), ("100", "100")],
        [("/tiers/1/end_unit", "not_rising")],
    ),
    "two gaps": (
        [("0", "10"), ("20", "30"), ("40", None)],
        [("/tiers/1/start_unit", "not_contiguous"), ("/tiers/2/start_unit", "not_contiguous")],
    ),
}


@pytest.mark.parametrize("name", CONTIGUOUS)
def test_contiguous_tiers_are_taken(name: str) -> None:
    bounds = CONTIGUOUS[name]
    tiers = read_tiers([tier(start, end, "1") for start, end in bounds])
    assert [t.up_to for t in tiers] == [None if end is None else D(end) for _, end in bounds]
    assert [t.start_unit for t in tiers] == [D(start) for start, _ in bounds]


@pytest.mark.parametrize("name", BROKEN)
def test_other_tiers_are_refused(name: str) -> None:
    bounds, errors = BROKEN[name]
    tiers = [tier(start, end, "1") for start, end in bounds]
    assert refusal(build_shape, pricing_model="volume", tiers=tiers) == (
        "tiers_not_contiguous",
        errors,
    )


def test_tiers_stand_in_their_given_order() -> None:
    given_tiers = [tier("101", None, "5", order=20), tier("0", "100", "10", order=10)]
    assert [t.unit_price for t in read_tiers(given_tiers)] == [10, 5]
    swapped = [replace(given_tiers[0], order=1), replace(given_tiers[1], order=2)]
    with pytest.raises(TiersNotContiguous) as caught:
        read_tiers(swapped, pointer="/x")
    assert caught.value.errors[0].pointer == "/x/tiers/0/start_unit"


@pytest.mark.parametrize(
    ("orders", "error"),
    [
        ([1, None], ("/tiers/1/order", "required")),
        ([None, 1], ("/tiers/0/order", "required")),
        ([1, 1], ("/tiers/1/order", "duplicate")),
    ],
)
def test_orders_are_of_all_tiers_and_differ(
    orders: list[int | None], error: tuple[str, str]
) -> None:
    tiers = [tier("0", "9", "1", order=orders[0]), tier("10", None, "1", order=orders[1])]
    assert error in refusal(build_shape, pricing_model="volume", tiers=tiers)[1]


@given(tiers=schedules())
def test_bounds_mean_the_same_tiers(tiers: list[Tier]) -> None:
    again = read_tiers(bounds_of(tiers))
    assert [replace(t, start_unit=None) for t in again] == tiers


@given(shape=shapes())
def test_a_stored_shape_is_read_back_as_it_was(shape: PriceShape) -> None:
    assert PriceShape.from_json(shape.to_json()) == shape


@given(shape=shapes())
def test_the_terms_of_a_shape_build_it_again(shape: PriceShape) -> None:
    terms = terms_of(shape)
    terms["tiers"] = [TierBounds(**t) for t in terms["tiers"]]
    built = build_shape(**terms)
    plain_tiers = tuple(replace(t, start_unit=None) for t in built.tiers)
    assert replace(built, tiers=plain_tiers) == shape
    assert revise_shape(built) == built


def test_what_a_stored_shape_looks_like() -> None:
    shape = build_shape(
        pricing_model="tiered",
        tiers=[tier("0", "100.50", "10"), tier("101.5", None, "0.000001", "3")],
        minimum_commitment=D("1E+2"),
        overage="deny",
        event_quota_window="day",
    )
    assert shape.to_json() == {
        "pricing_model": "graduated",
        "tiers": [
            {"unit_price": "10", "up_to": "100.5", "flat_fee": "0", "start_unit": "0"},
            {"unit_price": "0.000001", "flat_fee": "3", "start_unit": "101.5"},
        ],
        "included_units": "0",
        "flat_fee_at_zero": True,
        "minimum_commitment": "100",
        "overage": "deny",
        "limit_type": "event_quota",
        "event_quota_window": "day",
    }


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        {},
        {"pricing_model": "barter"},
        {"pricing_model": "per_unit", "unit_price": 1.5},
        {"pricing_model": "per_unit", "unit_price": "NaN"},
        {"pricing_model": "per_unit", "unit_price": "1e5"},
        {"pricing_model": "per_unit", "discount": "1"},
        {"pricing_model": "flat", "flat_fee_at_zero": "no"},
        {"pricing_model": "volume", "tiers": {}},
        {"pricing_model": "volume", "tiers": [{"up_to": "1"}]},
        {"pricing_model": "volume", "tiers": [{"unit_price": "1", "upto": "1"}]},
    ],
)
def test_stored_terms_are_never_half_read(stored: object) -> None:
    with pytest.raises(UnreadableShape):
        PriceShape.from_json(stored)


def test_a_revision_keeps_what_it_does_not_name() -> None:
    shape = build_shape(**fitting("per_unit"), included_units=D(100))
    revised = revise_shape(shape, unit_price=D(75))
    assert revised == replace(shape, unit_price=D(75))
    assert revise_shape(revised, included_units=None).included_units == 0


def test_a_change_of_model_drops_the_old_price_only() -> None:
    shape = build_shape(**fitting("per_unit"), included_units=D(100))
    flat = revise_shape(shape, pricing_model="flat", flat_fee=D(9), flat_fee_at_zero=False)
    assert [flat.unit_price, flat.flat_fee, flat.included_units] == [None, 9, 100]
    tiered = revise_shape(flat, pricing_model="tiered", tiers=[tier("1", None, "2")])
    assert (tiered.flat_fee, tiered.flat_fee_at_zero) == (None, False)
    volume = revise_shape(tiered, pricing_model="volume")
    assert (volume.tiers, volume.flat_fee_at_zero) == (tiered.tiers, False)
    assert revise_shape(volume, **fitting("percentage")).flat_fee_at_zero is True
    assert refusal(lambda: revise_shape(volume, pricing_model="package"))[1] == [
        ("/package_price", "required"),
        ("/package_size", "required"),
    ]


def test_a_revision_is_checked_like_a_new_shape() -> None:
    shape = build_shape(**fitting("per_unit"))
    assert refusal(lambda: revise_shape(shape, pricing_model="barter")) == (
        "price_shape_invalid",
        [("/pricing_model", "unknown")],
    )
    with pytest.raises(PriceShapeInvalid) as caught:
        revise_shape(shape, pointer="/x", rate=D(1))
    assert caught.value.errors[0].pointer == "/x/rate"


def test_overage_changed_to_deny_makes_a_quota() -> None:
    shape = build_shape(**fitting("per_unit"), included_units=D(100))
    denied = revise_shape(shape, overage="deny")
    assert denied.limit_type is LimitType.EVENT_QUOTA
    assert revise_shape(denied, overage="bill").limit_type is LimitType.EVENT_QUOTA
    assert revise_shape(denied, overage="bill", limit_type=None).limit_type is LimitType.NONE
    with pytest.raises(PriceShapeInvalid):
        revise_shape(shape, overage="deny", limit_type="none")
