"""What the planner of SQLite is told of an index."""

import pytest

from tallybook.server.storage.statistics import _stat


@pytest.mark.parametrize(
    ("columns", "is_unique", "is_partial", "told"),
    [
        (["id"], True, False, "1000000 1"),
        (["space_id", "id"], True, False, "1000000 1000000 1"),
        (["space_id"], False, False, "1000000 1000000"),
        (["space_id", "customer_id"], False, False, "1000000 1000000 10"),
        (["space_id", "owner", "key"], True, False, "1000000 1000000 1000 1"),
        (["due_at"], False, False, "1000000 10"),
        (["space_id", "position"], False, True, "1000 1000 10"),
    ],
)
def test_the_space_alone_finds_everything(
    columns: list[str], is_unique: bool, is_partial: bool, told: str
) -> None:
    assert _stat(columns, is_unique=is_unique, is_partial=is_partial) == told
