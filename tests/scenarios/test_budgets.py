"""A budget's story, from outside: the command line sets it, agents spend, a local gate closes."""

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tallybook import AccessCache, AsyncTallybook, Tallybook
from tallybook.server.cli.app import app
from tests.e2e.conftest import Server

pytestmark = pytest.mark.slow


def ask(client: Tallybook) -> str:
    decision = client.access.check(customer_external_id="acme", feature="runs")
    return str(decision.reason)


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_a_hard_stop_from_the_command_line_to_the_local_gate(server: Server) -> None:
    key = server.json("projects", "create", "Agents")["test_key"]

    def said(*args: str) -> Result:
        settings = {"TALLYBOOK_API_KEY": key, "TALLYBOOK_BASE_URL": server.url, "NO_COLOR": "1"}
        return CliRunner().invoke(app, list(args), env=settings)

    def run(*args: str) -> Any:
        result = said(*args, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    with server.client(key) as client:
        client.test_clock.advance(datetime(2026, 3, 10, tzinfo=UTC))
        client.customers.create(name="Acme", external_id="acme")
        client.meters.create(name="Runs", key="runs")
        client.plans.create(name="Pro", key="pro")
        client.plans.meter_prices.create(
            "pro", meter="runs", pricing_model="per_unit", unit_price="1"
        )
        client.subscriptions.create(customer_external_id="acme", plan="pro")
        budget = run(
            "budgets", "create", "Acme", "--amount", "10", "--customer", "acme",
            "--period", "daily", "--thresholds", "0.5,1", "--hard-stop",
        )  # fmt: skip
        assert (budget["amount"], budget["thresholds"]) == ("10", ["0.5", "1"])

        cache = AccessCache(client)
        assert cache.load() == 1
        once = (
            "costs",
            "add",
            "--amount",
            "6",
            "--customer",
            "acme",
            "--category",
            "llm",
            "--key",
            "one",
        )
        cost = run(*once)
        assert run(*once)["id"] == cost["id"]
        assert (ask(client), client.budgets.get(budget["id"]).spent) == ("ok", Decimal(6))
        run("costs", "add", "--amount", "4", "--customer", "acme")
        assert ask(client) == "budget_exceeded"
        assert cache.check(customer_external_id="acme", feature="runs").allowed
        cache.sync()
        gate = cache.check(customer_external_id="acme", feature="runs")
        assert (gate.allowed, gate.reason) == (False, "budget_exceeded")
        told = [e.data for e in client.webhook_events.list() if e.event.startswith("budget.")]
        assert [(one["threshold"], one["is_stopped"]) for one in told] == [
            ("0.5", False),
            ("1", True),
        ]
        table = said("budgets", "list").stdout
        assert "acme" in table
        assert "yes" in table

        client.test_clock.advance(datetime(2026, 3, 11, tzinfo=UTC))
        cache.sync()
        assert ask(client) == "ok"
        assert cache.check(customer_external_id="acme", feature="runs").allowed
        run("costs", "add", "--amount", "11", "--customer", "acme")
        assert ask(client) == "budget_exceeded"
        assert run("budgets", "set", budget["id"], "--amount", "20")["is_stopped"] is False
        assert ask(client) == "ok"
        assert len(run("costs", "list", "--customer", "acme")) == 3
        assert len(run("costs", "list", "--limit", "2")) == 2
        fixed = run("costs", "add", "--amount", "-1", "--adjusts", cost["id"])
        assert (fixed["source"], fixed["adjusts"]) == ("adjustment", cost["id"])
        assert run("budgets", "get", budget["id"])["spent"] == "11"
        assert run("budgets", "delete", budget["id"]) == {"deleted": budget["id"]}
        assert run("budgets", "list") == []
        gone = said("budgets", "get", budget["id"])
        assert (gone.exit_code, "budget_not_found" in gone.stderr) == (1, True)

        client.costs.create(provider="ours", model="m-1", tokens={"input": 1_000_000})
        (waiting,) = run("prices", "unpriced")
        assert (waiting["provider"], waiting["costs"]) == ("ours", 1)
        prices = ("--input", "2", "--output", "3")
        price = run("prices", "set", "ours", "m-1", "--from", "2026-03-01", *prices)
        assert price["effective_from"] == "2026-03-01T00:00:00Z"
        assert [one["model"] for one in run("prices", "list")] == ["m-1"]
        assert run("prices", "list", "--bundled", "--provider", "openai", "--model", "gpt-4o")
        span = ("--start", "2026-03-01", "--end", "2026-04-01")
        assert run("costs", "reprice", *span, "--dry-run")["adjusted"] == 1
        assert run("costs", "reprice", *span)["difference"] == "2"
        assert run("prices", "unpriced") == []
    asyncio.run(both_clients_do_the_same(server, key))
    server.stop()
    assert "budgets" in server.command("verify").stdout


async def both_clients_do_the_same(server: Server, key: str) -> None:
    async with AsyncTallybook(key, base_url=server.url) as client:
        made = await client.budgets.create(name="All", amount=5, period="lifetime")
        assert made.period_end is None
        changed = await client.budgets.update(made.id, thresholds=["1.5"], metadata={"a": 1})
        assert (changed.thresholds, changed.metadata) == ([Decimal("1.5")], {"a": 1})
        assert [one.id async for one in client.budgets.list()] == [made.id]
        await client.budgets.delete(made.id)
        assert [one.id async for one in client.budgets.list()] == []
