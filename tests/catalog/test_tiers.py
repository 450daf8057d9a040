"""Edits of single tiers: what else moves, and what is refused."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.catalog.errors import TierNotFound
from tallybook.server.catalog.models import TierRow
from tallybook.server.catalog.rules.tiers import (
    PlacedTier,
    change_tier,
    insert_tier,
    remove_tier,
)
from tallybook.server.rating.errors import TiersNotContiguous
from tallybook.server.rating.rules.tiers import read_tiers

NOW = datetime(2026, 3, 1, tzinfo=UTC)
Bounds = tuple[str, str | None]


def tier(name: str, start: str, end: str | None) -> PlacedTier:
    ends = None if end is None else Decimal(end)
    return PlacedTier(TierRow(name, NOW, NOW), Decimal(start), ends, Decimal(1), Decimal(0))


def tiers(*bounds: Bounds) -> list[PlacedTier]:
    return [tier(f"t{place}", *pair) for place, pair in enumerate(bounds, start=1)]


def bounds(placed: list[PlacedTier]) -> list[Bounds]:
    return [(str(t.start_unit), None if t.end_unit is None else str(t.end_unit)) for t in placed]


BY_ONE = tiers(("0", "100"), ("101", "1000"), ("1001", None))
TOUCHING = tiers(("0", "100"), ("100", "1000"), ("1000", None))


@pytest.mark.parametrize(
    ("before", "new", "after"),
    [
        (BY_ONE, ("5001", None), [*bounds(BY_ONE[:2]), ("1001", "5000"), ("5001", None)]),
        (TOUCHING, ("5000", None), [*bounds(TOUCHING[:2]), ("1000", "5000"), ("5000", None)]),
        (BY_ONE, ("5000.5", None), [*bounds(BY_ONE[:2]), ("1001", "5000.5"), ("5000.5", None)]),
        (tiers(("0", None)), ("101", None), [("0", "100"), ("101", None)]),
        (tiers(("0", "100")), ("101", "200"), [("0", "100"), ("101", "200")]),
        ([], ("0", None), [("0", None)]),
    ],
)
def test_a_tier_after_the_last_closes_it(
    before: list[PlacedTier], new: Bounds, after: list[Bounds]
) -> None:
    made = insert_tier(before, tier("new", *new), order=None, rejoin=False)
    assert bounds(made) == after
    read_tiers(made)


def test_a_tier_between_leaves_its_neighbours_unless_they_rejoin() -> None:
    new = tier("new", "51", "500")
    apart = insert_tier(BY_ONE, new, order=2, rejoin=False)
    with pytest.raises(TiersNotContiguous):
        read_tiers(apart)
    joined = insert_tier(BY_ONE, new, order=2, rejoin=True)
    assert bounds(joined) == [("0", "50"), ("51", "500"), ("501", "1000"), ("1001", None)]
    assert [t.row.id for t in joined] == ["t1", "new", "t2", "t3"]


@pytest.mark.parametrize("order", [0, 5])
def test_an_order_past_the_end_is_refused(order: int) -> None:
    with pytest.raises(TiersNotContiguous):
        insert_tier(BY_ONE, tier("new", "1", "2"), order=order, rejoin=True)


def test_a_changed_bound_moves_its_neighbour_with_rejoin() -> None:
    change = {"start_unit": Decimal(201), "end_unit": Decimal(900)}
    moved = change_tier(BY_ONE, "t2", change, rejoin=True, at=NOW)
    assert bounds(moved) == [("0", "200"), ("201", "900"), ("901", None)]
    alone = change_tier(BY_ONE, "t2", change, rejoin=False, at=NOW)
    with pytest.raises(TiersNotContiguous):
        read_tiers(alone)


@pytest.mark.parametrize(
    ("gone", "after"),
    [
        ("t1", [("0", "1000"), ("1001", None)]),
        ("t2", [("0", "1000"), ("1001", None)]),
        ("t3", [("0", "100"), ("101", None)]),
    ],
)
def test_a_removed_tier_leaves_its_units_to_a_neighbour(gone: str, after: list[Bounds]) -> None:
    left = remove_tier(BY_ONE, gone, rejoin=True)
    assert bounds(left) == after
    read_tiers(left)


def test_an_unknown_tier_is_not_found() -> None:
    with pytest.raises(TierNotFound):
        remove_tier(BY_ONE, "t9", rejoin=True)


@given(
    ends=st.lists(st.integers(1, 10_000), min_size=1, max_size=8, unique=True).map(sorted),
    place=st.integers(0, 8),
    by_one=st.booleans(),
)
def test_removing_with_rejoin_keeps_every_unit_priced(
    ends: list[int], place: int, by_one: bool
) -> None:
    starts = [0, *(end + by_one for end in ends)]
    whole = tiers(*((str(s), str(e)) for s, e in zip(starts, ends, strict=False)))
    whole.append(tier("last", str(starts[-1]), None))
    gone = whole[min(place, len(whole) - 1)].row.id
    left = remove_tier(whole, gone, rejoin=True)
    assert read_tiers(left)[-1].up_to is None
