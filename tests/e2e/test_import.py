"""A usage file comes in whole, even when the server is killed meanwhile."""

import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import COMMAND, Server, eventually

pytestmark = pytest.mark.slow
ROWS = 20_000


@pytest.fixture
def engine_name() -> str:
    return "sqlite"


def _file(directory: Path) -> Path:
    path = directory / "usage.csv"
    with path.open("w") as file:
        file.write("at,who,n\n")
        for number in range(ROWS):
            time = f"2025-01-{1 + number % 28:02d} {number % 24:02d}:00:00"
            file.write(f"{time},customer-{number % 7},{number % 100}.25\n")
    return path


def test_a_killed_server_loses_and_doubles_nothing(server: Server, tmp_path: Path) -> None:
    key = server.json("projects", "create", "Acme")["live_key"]
    arguments = (
        *("import", "events", str(_file(tmp_path)), "--meter", "tokens", "--timezone", "UTC"),
        *("--customer-column", "who", "--quantity-column", "n", "--timestamp-column", "at"),
    )
    importing = subprocess.Popen(
        [*COMMAND, *arguments],
        env=server.environment | {"TALLYBOOK_API_KEY": key, "TALLYBOOK_BASE_URL": server.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    path = server.directory / "data" / "tallybook.db-wal"
    before = path.stat().st_size
    eventually(lambda: path.stat().st_size > before + 200_000, timeout_s=60)
    port = server.port
    server.kill()
    server.start(port=port)
    said, _ = importing.communicate(timeout=300)
    assert importing.returncode == 0
    counts = {name: int(n.replace(",", "")) for name, n in map(str.split, said.splitlines())}
    assert counts["accepted"] + counts["duplicates"] == counts["lines"] == ROWS
    again = server.command(*arguments, TALLYBOOK_API_KEY=key)
    assert "accepted    0" in again.stdout
    assert f"duplicates  {ROWS:,}" in again.stdout
