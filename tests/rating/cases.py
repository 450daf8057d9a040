"""The published cases, and price terms as JSON has them."""

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tallybook.server.rating.models import PriceShape
from tallybook.server.rating.rules.shape import build_shape
from tallybook.server.rating.rules.tiers import TierBounds

_TEXTS = {"pricing_model", "overage", "limit_type", "event_quota_window", "flat_fee_at_zero"}


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    shape: PriceShape
    quantity: Decimal
    expect: dict[str, Any]


def tier(
    start: str, end: str | None, unit_price: str, flat_fee: str = "0", order: int | None = None
) -> TierBounds:
    return TierBounds(
        order=order,
        start_unit=Decimal(start),
        end_unit=None if end is None else Decimal(end),
        unit_price=Decimal(unit_price),
        flat_fee=Decimal(flat_fee),
    )


def shape_of(terms: dict[str, Any]) -> PriceShape:
    """Return the shape of terms whose decimals are strings."""
    read: dict[str, Any] = {}
    for name, term in terms.items():
        if name == "tiers":
            read[name] = [
                tier(t["start_unit"], t.get("end_unit"), t["unit_price"], t.get("flat_fee", "0"))
                for t in term
            ]
        else:
            read[name] = term if name in _TEXTS else Decimal(term)
    return build_shape(**read)


def load_cases() -> list[Case]:
    groups = json.loads(Path(__file__).with_name("cases.json").read_text())
    return [
        Case(
            f"{name}: {case['quantity']}", shape_of(group["shape"]), Decimal(case["quantity"]), case
        )
        for name, group in groups.items()
        for case in group["cases"]
    ]
