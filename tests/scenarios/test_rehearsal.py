"""A price is rehearsed on real usage: server process, SDK both ways, command line."""

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tallybook import AsyncTallybook
from tests.e2e.conftest import Server

pytestmark = pytest.mark.slow


def test_a_price_is_rehearsed(server: Server) -> None:
    key = server.json("projects", "create", "Acme")["test_key"]
    with server.client(key) as client:
        client.test_clock.advance(datetime(2026, 1, 1, tzinfo=UTC))
        client.meters.create(name="Calls", key="calls", aggregation="sum")
        client.plans.create(name="Pro", key="pro")
        client.pricing.add_price_to_plan(
            "pro", market="global", base_price=20, billing_period="monthly"
        )
        client.plans.meter_prices.create(
            "pro", meter="calls", pricing_model="per_unit", unit_price="0.01"
        )
        for name in ("acme", "beta"):
            customer = client.customers.create(name=name, external_id=name)
            customer.subscribe(plan="pro")
            customer.record_usage(meter="calls", quantity=1000)
        client.test_clock.advance(datetime(2026, 2, 2, tzinfo=UTC))
        client.plans.create(name="Next", key="next", status="draft")
        price = client.pricing.add_price_to_plan(
            "next", market="global", base_price=5, billing_period="monthly"
        )
        client.plans.meter_prices.create(
            "next", meter="calls", pricing_model="per_unit", unit_price="0.02"
        )
        started = client.pricing.rehearse(price, "2026-01-01", "2026-01-31")
        done = started.wait(timeout=60)
        assert (done.status, done.progress, done.total) == ("completed", 1.0, 2)
        assert done.result is not None
        totals = done.result.totals
        assert (totals.billed, totals.would_be) == (Decimal(60), Decimal(50))
        assert {one.difference for one in done.result.customers} == {Decimal(-5)}

    async def again() -> str:
        async with AsyncTallybook(key, base_url=server.url) as client:
            overrides = [{"meter": "calls", "included_units": 500}]
            found = await client.pricing.rehearse(
                "pro", "2026-01-01", "2026-01-31", meter_overrides=overrides
            )
            found = await found.wait(timeout=60)
            assert found.result is not None
            return str(found.result.totals.would_be)

    assert asyncio.run(again()) == "50.00"
    said = server.command(
        *("plans", "rehearse", "next", "--start", "2026-01-01", "--end", "2026-01-31"),
        *("--base-price", "0", "--json"),
        TALLYBOOK_API_KEY=key,
        TALLYBOOK_BASE_URL=server.url,
    )
    assert json.loads(said.stdout)["result"]["totals"]["would_be"] == "40.00"
    table = server.command(
        *("plans", "rehearse", "next", "--start", "2026-01-01", "--end", "2026-01-31"),
        TALLYBOOK_API_KEY=key,
        TALLYBOOK_BASE_URL=server.url,
    ).stdout
    assert "all, in USD" in table
