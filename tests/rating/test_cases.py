"""The published figures: cases.json, and every table of docs/pricing.md."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tallybook.server.kernel.errors import Refusal
from tallybook.server.kernel.money import quantize_money
from tallybook.server.rating.models import PriceShape, RatedSlice
from tallybook.server.rating.rules.pipeline import rate_usage

from .cases import Case, load_cases, shape_of

_PAGE = Path(__file__).parents[2] / "docs" / "pricing.md"
_TIERS = [
    {"start_unit": "0", "end_unit": "100", "unit_price": "10"},
    {"start_unit": "101", "end_unit": "1000", "unit_price": "5"},
    {"start_unit": "1001", "unit_price": "2"},
]
_PAGE_SHAPES = {
    "Per unit": shape_of({"pricing_model": "per_unit", "unit_price": "0.02"}),
    "Graduated": shape_of({"pricing_model": "graduated", "tiers": _TIERS}),
    "Volume": shape_of({"pricing_model": "volume", "tiers": _TIERS}),
    "Package": shape_of(
        {
            "pricing_model": "package",
            "package_size": "100",
            "package_price": "20",
            "included_units": "100",
        }
    ),
    "Flat": shape_of({"pricing_model": "flat", "flat_fee": "49"}),
    "Percentage": shape_of({"pricing_model": "percentage", "rate": "0.029"}),
}


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.name)
def test_a_quantity_costs_what_is_published(case: Case) -> None:
    if "error" in case.expect:
        with pytest.raises(Refusal) as caught:
            rate_usage(case.shape, case.quantity)
        assert caught.value.code == case.expect["error"]
        return
    rated = rate_usage(case.shape, case.quantity)
    assert rated.amount == Decimal(case.expect["amount"])
    figures = {
        "included": rated.included_units_used,
        "billable": rated.billable_units,
        "uncharged": rated.uncharged_units,
    }
    for name, figure in figures.items():
        if name in case.expect:
            assert figure == Decimal(case.expect[name]), name
    if "slices" in case.expect:
        assert [_brief(piece) for piece in rated.slices] == [
            (tier, Decimal(quantity), Decimal(amount))
            for tier, quantity, amount in case.expect["slices"]
        ]


def _brief(piece: RatedSlice) -> tuple[int | None, Decimal, Decimal]:
    return piece.tier, piece.quantity, piece.amount


def _page_rows() -> Iterator[tuple[str, str, str]]:
    """Yield heading, first and last cell of each row of a table that ends in a price."""
    heading, priced = "", False
    for line in _PAGE.read_text().splitlines():
        if line.startswith("## "):
            heading, priced = line[3:], False
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line[:1] == "|" else []
        if not cells:
            priced = False
        elif cells[0] == "Quantity" and cells[-1] == "Price":
            priced = True
        elif priced and re.fullmatch(r"[0-9.,]+", cells[-1]):
            yield heading, cells[0].replace(",", ""), cells[-1].replace(",", "")


@pytest.mark.parametrize(("heading", "quantity", "price"), list(_page_rows()))
def test_the_tables_of_the_page_are_true(heading: str, quantity: str, price: str) -> None:
    shape: PriceShape = _PAGE_SHAPES[heading]
    amount = rate_usage(shape, Decimal(quantity)).amount
    assert quantize_money(amount, "USD") == Decimal(price)


def test_each_price_kind_has_a_table_on_the_page() -> None:
    assert {heading for heading, _, _ in _page_rows()} == set(_PAGE_SHAPES)
