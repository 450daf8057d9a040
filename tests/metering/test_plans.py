"""How SQLite finds event rows: by position or by a customer, never through all of a space."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.periods import Span
from tallybook.server.metering.models import EventStatus, Row
from tallybook.server.metering.service import events
from tallybook.server.storage import Tx, open_database, schema
from tallybook.server.storage.pages import PageRequest
from tests.conftest import make_schema, open_project

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CUS = f"cus_{1:032x}"
ROW = Row(
    1, bytes(16), "key", 1, 0, 1, None, None, None, "1", None, None, None, None, "Acme", "calls",
    None, None, "customer_not_found", None, None,
)  # fmt: skip
PAGE = PageRequest(limit=50)
LATER = PageRequest(limit=50, after=(50, 50))

Ask = Callable[[Tx, SpaceId], Any]
ASKED: dict[str, Ask] = {
    "a key again": lambda tx, space: [events.insert_new(tx, space, [ROW], NOW) for _ in "ab"],
    "keys taken back": lambda tx, space: events.remove(tx, space, [1, 2]),
    "over the limit": lambda tx, space: events.mark_over_limit(tx, space, [1, 2, 3]),
    "a position": lambda tx, space: events.find_by_position(tx, space, 1),
    "waiting, of these": lambda tx, space: events.list_unmatched(
        tx, space, positions=[1, 2], limit=9
    ),
    "waiting": lambda tx, space: events.list_unmatched(tx, space, after=3, limit=9),
    "the newest": lambda tx, space: events.list_events(tx, space, PAGE),
    "older ones": lambda tx, space: events.list_events(tx, space, LATER),
    "the oldest": lambda tx, space: events.list_events(
        tx, space, PageRequest(limit=50, order="asc")
    ),
    "those that wait": lambda tx, space: events.list_events(
        tx, space, PAGE, status=EventStatus.UNMATCHED
    ),
    "all that count": lambda tx, space: list(events.scan_subscribed(tx, space)),
    "a customer's": lambda tx, space: events.list_usage(tx, space, CUS, PAGE, start=NOW),
    "a customer's sums": lambda tx, space: events.sum_by_meter(
        tx, space, CUS, Span(NOW, NOW.replace(year=2027)), meter_id=None, by=()
    ),
    "keys": lambda tx, space: events.find_firsts(tx, space, [(bytes(16), "key")]),
    "whole events by keys": lambda tx, space: events.find_by_keys(
        tx, space, [(bytes(16), "key"), (bytes(16), "other")]
    ),
    "names that wait": lambda tx, space: events.find_waiting(tx, space, ["Acme", "Beta"]),
}
_THROUGH_ALL = re.compile(r"SCAN events|\(space_id=\?\)|USE TEMP B-TREE FOR ORDER BY")


@pytest.mark.parametrize("make", [make_schema, schema.migrate])
@pytest.mark.parametrize("asked", ASKED)
def test_no_question_looks_through_all_events(asked: str, make: Any, tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/plans.db")
    make(db)
    open_project(db)

    def look(tx: Tx) -> dict[str, str]:
        seen: list[str] = []
        tx.driver.set_trace_callback(seen.append)
        ASKED[asked](tx, SpaceId(1))
        tx.driver.set_trace_callback(None)
        found = {}
        for statement in seen:
            if "events" in statement:
                plan = tx.driver.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
                found[statement] = " | ".join(step[3] for step in plan)
        return found

    plans = db.write_now(look)
    db.close()
    assert plans, "nothing was asked"
    wrong = {sql[:200]: plan for sql, plan in plans.items() if _THROUGH_ALL.search(plan)}
    assert not wrong
