"""An agent's customer reaches its limit; the app hears of it, blocks by itself, and lets it go on.

The server is a process, the app a receiver of its own with an AccessCache, time the test clock.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tallybook import AccessCache
from tests.e2e.conftest import Server, eventually
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.slow


@pytest.fixture
def app() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def test_the_limit_is_reached_told_and_reset(
    installation: Server, app: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    (installation.directory / "tallybook.toml").write_text(
        'webhook_allowed_networks = ["127.0.0.0/8"]\n'
    )
    server = installation.start()
    key = server.json("projects", "create", "Agents")["test_key"]
    with server.client(key) as client:
        client.test_clock.advance(datetime(2026, 3, 1, tzinfo=UTC))
        client.meters.create(name="Runs", key="runs", aggregation="count")
        client.plans.create(name="Pro", key="pro", features=["audit_log"])
        client.plans.meter_prices.create(
            "pro",
            meter="runs",
            pricing_model="per_unit",
            unit_price="0.10",
            included_units=3,
            overage="deny",
            event_quota_window="month",
        )
        client.agents.create(name="Bot", external_id="bot")
        acme = client.customers.create(name="Acme", external_id="acme")
        acme.subscribe(plan="pro")
        endpoint = client.webhook_endpoints.create(url=f"{app.url}/hook")
        client.test_clock.advance(datetime(2026, 3, 5, tzinfo=UTC))
        cache = AccessCache(client)
        cache.load()

        def may_run() -> tuple[bool, str]:
            found = cache.peek("acme", "runs")
            assert found is not None
            return found.allowed, found.reason

        handled = 0

        def hear(event: str) -> bool:
            nonlocal handled
            names = []
            for got in app.got[handled:]:
                handled += 1
                read: Any = client.webhooks.unwrap(got.body, got.headers, endpoint.secret)
                cache.apply(read)
                names.append(str(read.event))
            return event in names

        assert may_run() == (True, "ok")
        for number in range(3):
            client.track_task(
                customer_external_id="acme",
                agent="bot",
                meter="runs",
                idempotency_key=f"run-{number}",
                timestamp=datetime(2026, 3, 4, number, tzinfo=UTC),
            )
        client.flush()
        eventually(lambda: hear("usage.limit_reached"))
        assert may_run() == (False, "limit_reached")
        assert cache.peek("acme", "audit_log"), "other features go on"
        cache.refresh()
        assert may_run() == (False, "limit_reached"), "the server says the same"

        client.test_clock.advance(datetime(2026, 4, 1, 0, 0, 1, tzinfo=UTC))
        eventually(lambda: hear("usage.limit_reset"))
        cache.refresh()
        assert may_run() == (True, "ok")

        client.subscriptions.list(customer_external_id="acme").data[0].suspend(reason="holiday")
        eventually(lambda: hear("subscription.suspended"))
        assert may_run() == (False, "subscription_suspended")
        assert cache.sync() > 0, "the feed tells the same, for who hears no webhooks"
        assert may_run()[0] is False
