"""Price terms as they cross the network."""

from decimal import Decimal
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from tallybook.server.rating.models import (
    LimitType,
    Overage,
    PriceShape,
    PricingModel,
    QuotaWindow,
)
from tallybook.server.rating.rules.pipeline import rate_usage
from tallybook.server.rating.rules.shape import ShapeTerms, build_shape, revise_shape, terms_of
from tallybook.wire import prices

SEED_TIERS = [
    {"order": 1, "start_unit": 0, "end_unit": 100, "unit_price": 10},
    {"order": 2, "start_unit": 101, "end_unit": 1000, "unit_price": "5"},
    {"order": 3, "start_unit": 1001, "unit_price": 2, "flat_fee": "0.50"},
]


def test_a_body_becomes_a_shape_and_a_view() -> None:
    body = prices.PriceShapeFields.model_validate(
        {"pricing_model": "tiered", "tiers": SEED_TIERS, "overage": "deny", "included_units": 5}
    )
    view = prices.PriceShapeView(**terms_of(build_shape(**body.shape_terms())))
    assert view.model_dump(mode="json", exclude_none=True) == {
        "pricing_model": "graduated",
        "tiers": [
            {
                "order": 1,
                "start_unit": "0",
                "end_unit": "100",
                "unit_price": "10",
                "flat_fee": "0",
            },
            {
                "order": 2,
                "start_unit": "101",
                "end_unit": "1000",
                "unit_price": "5",
                "flat_fee": "0",
            },
            {"order": 3, "start_unit": "1001", "unit_price": "2", "flat_fee": "0.5"},
        ],
        "included_units": "5",
        "flat_fee_at_zero": True,
        "overage": "deny",
        "limit_type": "event_quota",
        "event_quota_window": "billing_period",
    }


def test_the_published_defaults_are_those_of_a_shape() -> None:
    body = prices.PriceShapeFields.model_validate({"pricing_model": "per_unit", "unit_price": 1})
    shown = body.model_dump(exclude={"limit_type", "tiers"})
    built = terms_of(build_shape(**body.shape_terms()))
    assert shown == {name: built[name] for name in shown}


def test_a_patch_names_only_what_it_changes() -> None:
    shape = build_shape(pricing_model="per_unit", unit_price=Decimal(50), overage="free")
    patch = prices.PriceShapeChanges.model_validate({"unit_price": 75, "overage": None})
    assert patch.shape_terms() == {"unit_price": Decimal(75), "overage": None}
    revised = revise_shape(shape, **patch.shape_terms())
    assert revised == PriceShape(PricingModel.PER_UNIT, unit_price=Decimal(75))


def test_an_estimate_gives_its_shape_apart_from_the_quantity() -> None:
    body = prices.EstimateRequest.model_validate(
        {"pricing_model": "flat", "flat_fee": 0.1, "quantity": "3"}
    )
    assert (body.quantity, body.currency) == (Decimal(3), "USD")
    assert body.shape_terms() == {"pricing_model": "flat", "flat_fee": Decimal("0.1")}


def test_an_estimate_is_written_in_minor_units() -> None:
    estimate = prices.Estimate(
        amount=Decimal("10.01"),
        currency="USD",
        slices=[
            prices.EstimateSlice(
                tier=1,
                quantity=Decimal("1.50"),
                unit_price=Decimal("6.50"),
                flat_fee=Decimal(0),
                amount=Decimal("9.7500"),
            )
        ],
        true_up=Decimal("0.26"),
    )
    assert estimate.model_dump(mode="json") == {
        "amount": "10.01",
        "currency": "USD",
        "slices": [
            {"tier": 1, "quantity": "1.5", "unit_price": "6.5", "flat_fee": "0", "amount": "9.75"}
        ],
        "true_up": "0.26",
    }


def test_a_slice_carries_the_longest_product() -> None:
    longest = Decimal("9" * 18 + "." + "9" * 12)
    shape = build_shape(pricing_model="per_unit", unit_price=longest)
    [piece] = rate_usage(shape, longest).slices
    written = prices.EstimateSlice(**piece.to_json()).model_dump_json()
    assert prices.EstimateSlice.model_validate_json(written).amount == piece.amount


@pytest.mark.parametrize("amount", ["NaN", "1e5", "", "9" * 121, 1.5, Decimal("NaN")])
def test_a_slice_carries_nothing_but_decimals(amount: object) -> None:
    figures = {"quantity": "1", "unit_price": "1", "flat_fee": "0"}
    with pytest.raises(ValidationError):
        prices.EstimateSlice.model_validate({**figures, "amount": amount})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"pricing_model": "barter"},
        {"pricing_model": None},
        {"pricing_model": "per_unit", "unit_price": "NaN"},
        {"pricing_model": "per_unit", "unit_price": "Infinity"},
        {"pricing_model": "per_unit", "unit_price": "-1"},
        {"pricing_model": "per_unit", "unit_price": True},
        {"pricing_model": "per_unit", "unitprice": "1"},
        {"pricing_model": "package", "package_size": 0},
        {"pricing_model": "per_unit", "included_units": None},
        {"pricing_model": "per_unit", "overage": "sometimes"},
        {"pricing_model": "per_unit", "event_quota_window": "year"},
        {"pricing_model": "volume", "tiers": [{"end_unit": 1, "unit_price": 1}]},
        {"pricing_model": "volume", "tiers": [{"start_unit": 0, "unit_price": 1, "up_to": 5}]},
        {"pricing_model": "volume", "tiers": [{"start_unit": 0, "unit_price": 1, "order": 0}]},
        {"pricing_model": "volume", "tiers": [{"start_unit": 0, "unit_price": 1}] * 101},
    ],
)
def test_a_wrong_body_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        prices.PriceShapeFields.model_validate(body)


def test_an_older_client_reads_a_newer_view() -> None:
    shape = build_shape(pricing_model="per_unit", unit_price=Decimal(1))
    newer = {**terms_of(shape), "pricing_model": "auction", "reserve": "5"}
    view = prices.PriceShapeView(**newer)
    assert view.pricing_model == "auction"
    assert view.model_dump()["reserve"] == "5"


def test_the_wire_and_the_rules_know_the_same_words() -> None:
    assert set(get_args(prices.PricingModel)) == set(PricingModel)
    assert set(get_args(prices.Overage)) == set(Overage)
    assert set(get_args(prices.LimitType)) == set(LimitType)
    assert set(get_args(prices.QuotaWindow)) == set(QuotaWindow)
    names = set(ShapeTerms.__annotations__)
    assert set(prices.PriceShapeChanges.model_fields) == names
    assert set(prices.PriceShapeFields.model_fields) == names
    assert set(prices.PriceShapeView.model_fields) == names
    assert set(PriceShape.__slots__) == names
