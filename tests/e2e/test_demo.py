"""The demo: made through the API, shown, served, and the same when it is started again."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.conftest import Server

pytestmark = pytest.mark.slow
SMALL = ("demo", "--port", "0", "--customers", "4", "--events", "600")


@pytest.fixture
def engine_name() -> str:
    return "sqlite"


def test_the_demo_makes_invoices_that_add_up(installation: Server) -> None:
    shown = json.loads(installation.command(*SMALL, "--no-serve", "--json").stdout)
    assert shown["customers"] == 4
    assert shown["test_key"].startswith("tb_test_")
    totals = [Decimal(invoice["total"]) for invoice in shown["invoices"]]
    assert len(totals) == 12, "one at the start and one for each of the two months"
    assert min(totals) >= Decimal("20.00")
    assert {"paid"} <= {invoice["status"] for invoice in shown["invoices"]}
    *agents, total = shown["margins"]
    assert {line["agent"] for line in agents} == {"Researcher", "Coder", "Supporter", "(fees)"}
    for line in shown["margins"]:
        assert Decimal(line["revenue"]) - Decimal(line["cost"]) == pytest.approx(
            Decimal(line["margin"]), abs=Decimal("0.01")
        )
    assert Decimal(total["revenue"]) > Decimal(total["cost"]) > 0
    assert installation.command("verify").returncode == 0


def test_the_demo_serves_what_it_made_and_again(installation: Server) -> None:
    installation.command(*SMALL, "--no-serve")
    again = installation.command(*SMALL, "--no-serve", "--json")
    assert len(json.loads(again.stdout)["invoices"]) == 12
    key = json.loads(again.stdout)["test_key"]
    installation.start()
    assert len(installation.get("/customers", key).json()["data"]) == 4


def test_the_demo_leaves_other_data_alone(installation: Server) -> None:
    installation.json("projects", "create", "Mine")
    refused = installation.command(*SMALL, check=False)
    assert refused.returncode == 1
    assert "--data-dir" in refused.stderr
    assert Path(installation.directory / "data" / "tallybook.db").exists()
