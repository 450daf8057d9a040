"""Which requests share a write, and when a second write begins beside the first."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

from tallybook.server.ingest import gate as gates
from tallybook.server.ingest.gate import ITEMS_BESIDE, Gate, Submission
from tallybook.server.ingest.models import Refused, Verdict

NOW = datetime(2026, 5, 1, tzinfo=UTC)


class SlowDatabase:
    """Takes works and finishes them when told."""

    def __init__(self, *, is_sqlite: bool) -> None:
        self.is_sqlite = is_sqlite
        self.begun: list[Future[Any]] = []

    def write(self, _work: Callable[[Any], Any]) -> Future[Any]:
        self.begun.append(Future())
        return self.begun[-1]


def _submission(items: int = 1) -> Submission:
    refused = [Refused("x", "x", "/x", "k")] * items
    return Submission(lambda _: None, refused, False, False, NOW)  # type: ignore[arg-type, return-value]


def _open(*, is_sqlite: bool) -> tuple[Gate, SlowDatabase]:
    database = SlowDatabase(is_sqlite=is_sqlite)
    return Gate(database), database  # type: ignore[arg-type]


async def _submit(gate: Gate, items: int = 1) -> asyncio.Task[list[Verdict]]:
    task = asyncio.create_task(gate.submit(_submission(items)))
    await asyncio.sleep(0)
    return task


async def _finish(database: SlowDatabase, number: int, group: int) -> None:
    database.begun[number].set_result([[] for _ in range(group)])
    await asyncio.sleep(0.01)


def test_what_arrives_during_a_write_shares_the_next() -> None:
    async def story() -> None:
        gate, database = _open(is_sqlite=False)
        tasks = [await _submit(gate) for _ in range(9)]
        assert len(database.begun) == 1
        await _finish(database, 0, 1)
        assert len(database.begun) == 2
        await _finish(database, 1, 8)
        assert [await task for task in tasks] == [[]] * 9
        assert len(database.begun) == 2

    asyncio.run(story())


def test_enough_for_a_write_of_its_own_begins_beside_another_but_on_sqlite() -> None:
    async def story(*, is_sqlite: bool) -> int:
        gate, database = _open(is_sqlite=is_sqlite)
        tasks = [await _submit(gate, ITEMS_BESIDE) for _ in range(3)]
        begun = len(database.begun)
        for number in range(3):
            if number < len(database.begun):
                await _finish(database, number, 2 if is_sqlite and number == 1 else 1)
        assert [await task for task in tasks] == [[]] * 3
        return begun

    assert asyncio.run(story(is_sqlite=False)) == 3
    assert asyncio.run(story(is_sqlite=True)) == 1


def test_nobody_waits_long_for_a_write_that_waits_for_a_lock(monkeypatch: Any) -> None:
    monkeypatch.setattr(gates, "PATIENCE_S", 0.001)

    async def story() -> None:
        gate, database = _open(is_sqlite=False)
        stuck = await _submit(gate)
        other = await _submit(gate)
        async with asyncio.timeout(10):
            while len(database.begun) < 2:
                await asyncio.sleep(0.001)
        await _finish(database, 1, 1)
        assert await other == []
        assert not stuck.done()
        await _finish(database, 0, 1)
        assert await stuck == []

    asyncio.run(story())
