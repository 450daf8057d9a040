"""The server is killed again and again under load; what was sent is there once."""

from collections.abc import Callable
from pathlib import Path

import pytest
from bench.kill import run
from bench.servers import Server

from tests.e2e.conftest import empty_postgres

pytestmark = pytest.mark.slow
CYCLES = 5


def test_kills_lose_nothing_and_count_nothing_twice(
    engine_name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    database = None
    if engine_name == "postgresql":
        fresh: Callable[[], str] = request.getfixturevalue("postgres")
        database = empty_postgres(fresh)
    report = run(Server(tmp_path / "data", database=database), CYCLES)
    assert report["wrong"] == []
    assert report["cut"] > 0, "no kill hit a request"
    assert report["events"] > 0
    assert report["debits"] > 0
