"""The arithmetic as a customer reads it."""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.rating.models import PriceShape
from tallybook.server.rating.rules.explain import explain, explain_true_up
from tallybook.server.rating.rules.pipeline import rate_usage

from .cases import shape_of
from .strategies import quantities, shapes

TIERS = [
    {"start_unit": "0", "end_unit": "100", "unit_price": "10", "flat_fee": "7"},
    {"start_unit": "101", "unit_price": "0.5"},
]


@pytest.mark.parametrize(
    ("terms", "quantity", "part", "lines"),
    [
        (
            {"pricing_model": "graduated", "tiers": TIERS, "included_units": "100"},
            "250",
            "1",
            [
                "250 used − 100 included = 150 billable",
                "tier 1: 100 × 10 + 7 flat fee = 1007",
                "tier 2: 50 × 0.5 = 25",
                "1007 + 25 = 1032",
            ],
        ),
        (
            {"pricing_model": "package", "package_size": "100", "package_price": "20"},
            "150",
            "1",
            ["150 ÷ 100, rounded up = 2 packages; 2 × 20 = 40"],
        ),
        ({"pricing_model": "flat", "flat_fee": "49"}, "0", "1", ["49 flat fee = 49"]),
        (
            {"pricing_model": "percentage", "rate": "0.029", "minimum_commitment": "100"},
            "1000",
            "1/3",
            [
                "1000 × 0.029 = 29",
                "minimum 100 × 1/3 = 100/3",
                "minimum 100/3 rounded to 33.33",
                "33.33 minimum − 29.00 = 4.33 true-up",
            ],
        ),
        (
            {"pricing_model": "per_unit", "unit_price": "1", "minimum_commitment": "9.99"},
            "0.5",
            "1/8",
            [
                "0.5 × 1 = 0.5",
                "minimum 9.99 × 1/8 = 1.24875",
                "minimum 1.24875 rounded to 1.25",
                "1.25 minimum − 0.50 = 0.75 true-up",
            ],
        ),
        (
            {"pricing_model": "per_unit", "unit_price": "1", "minimum_commitment": "100"},
            "50",
            "1/2",
            ["50 × 1 = 50", "minimum 100 × 1/2 = 50"],
        ),
        (
            {
                "pricing_model": "per_unit",
                "unit_price": "1",
                "included_units": "10",
                "overage": "deny",
            },
            "15",
            "1",
            ["15 used − 10 included − 5 not charged (deny) = 0 billable"],
        ),
    ],
)
def test_the_steps_read_as_published(
    terms: dict[str, Any], quantity: str, part: str, lines: list[str]
) -> None:
    shape = shape_of(terms)
    rated = rate_usage(shape, Decimal(quantity), part_of_period=Fraction(part))
    assert explain(shape, rated) + explain_true_up(shape, rated, currency="USD") == lines


@given(shape=shapes(), quantity=quantities(), part=st.fractions(0, 1, max_denominator=1000))
def test_each_step_is_a_true_equation(shape: PriceShape, quantity: Decimal, part: Fraction) -> None:
    rated = rate_usage(shape, quantity, part_of_period=part)
    for line in explain(shape, rated) + explain_true_up(shape, rated, currency="JPY"):
        if "rounded to" in line:
            continue
        equation = re.sub(r"tier [0-9]+:|.*packages;|\([a-z]+\)|true-up", "", line)
        left, _, right = re.sub(r"[a-z ]", "", equation).partition("=")
        assert evaluate(left) == Fraction(right), line


def evaluate(text: str) -> Fraction:
    total = Fraction(0)
    for sign, term in re.findall(r"([+−]?)([0-9./×]+)", text):
        product = Fraction(1)
        for factor in term.split("×"):
            product *= Fraction(factor)
        total += -product if sign == "−" else product
    return total
