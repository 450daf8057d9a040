"""The same calls reported directly, by a wrapped client and by traces cost the same, once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Server
from tests.llm.vendors import CHAT_COST, MESSAGE_COST, Vendors

pytestmark = pytest.mark.slow
PROGRAM = Path(__file__).with_name("three_ways.py")
TOTAL = Decimal(CHAT_COST) + Decimal(MESSAGE_COST)
WAYS = [
    "direct",
    "wrap",
    "openinference",
    "openllmetry",
    "direct wrap openinference",
    "direct wrap openllmetry",
]


@pytest.fixture
def vendors() -> Iterator[Vendors]:
    made = Vendors()
    yield made
    made.close()


def run(server: Server, vendors: Vendors, key: str, ways: str) -> None:
    env = {**os.environ, "SERVER": server.url, "KEY": key, "VENDORS": vendors.url, "WAYS": ways}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(PROGRAM)],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_three_ways_cost_the_same_to_the_twelfth_decimal(server: Server, vendors: Vendors) -> None:
    for ways in WAYS:
        key = server.json("projects", "create", ways)["live_key"]
        with server.client(key) as client:
            client.customers.create(name="Acme", external_id="acme")
            client.agents.create(name="Bot", external_id="bot")
            run(server, vendors, key, ways)
            today = datetime.now(UTC)
            span: dict[str, Any] = {
                "start": (today - timedelta(days=1)).date(),
                "end": (today + timedelta(days=1)).date(),
            }
            counted = [c for c in client.costs.list(limit=100) if c.status != "voided"]
            assert len(counted) == 2, (ways, counted)
            assert {c.amount for c in counted} == {Decimal(CHAT_COST), Decimal(MESSAGE_COST)}
            by_customer = client.margins.report(group_by="customer", **span)
            by_agent = client.margins.report(group_by="agent", **span)
        for report, name in ((by_customer, "Acme"), (by_agent, "Bot")):
            (line,) = report.lines
            assert (line.group["name"], line.cost) == (name, TOTAL), ways
        assert by_customer.unattributed_cost == {}
        assert by_customer.unpriced_costs == 0


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_the_example_runs(server: Server, vendors: Vendors) -> None:
    key = server.json("projects", "create", "Example")["test_key"]
    env = {
        **os.environ,
        "TALLYBOOK_API_KEY": key,
        "TALLYBOOK_BASE_URL": server.url,
        "OPENAI_API_KEY": "k",
        "OPENAI_BASE_URL": f"{vendors.url}/v1",
    }
    example = PROGRAM.parents[2] / "examples" / "llm_costs.py"
    done = subprocess.run(
        [sys.executable, str(example)],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == f"Hello world\ncost so far today: {CHAT_COST} USD\n", done.stderr
