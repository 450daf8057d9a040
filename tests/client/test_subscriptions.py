"""What the verbs of subscriptions and contracts send, and that the server agrees."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from tallybook import AsyncSubscription, ConflictError, Subscription, Tallybook
from tests.conftest import Home

from .stand_in import Blocking, StandIn

SUBSCRIPTION = {
    "id": "sub_1",
    "customer_id": "cus_1",
    "plan": "pro",
    "plan_id": "pln_1",
    "plan_version_id": "plv_1",
    "market": "global",
    "market_id": "mkt_1",
    "currency": "USD",
    "billing_period": "monthly",
    "status": "active",
    "contract_id": "ctr_1",
    "contract_version": 1,
    "collection_method": "charge_automatically",
    "payment_terms": 30,
    "created_at": "2026-01-31T12:00:00Z",
    "updated_at": "2026-01-31T12:00:00Z",
}


def answer(**fields: Any) -> httpx2.Response:
    return httpx2.Response(200, json={**SUBSCRIPTION, **fields})


def test_decimals_and_times_are_written_out(form: Blocking) -> None:
    server = StandIn(answer())
    got = form.do(
        form.client(server).subscriptions.create(
            customer_external_id="user_123",
            plan="pro",
            current_period_start=datetime(2026, 1, 1, tzinfo=UTC),
            current_period_end=date(2026, 1, 31),
            contract={
                "base_price": 700,
                "meter_overrides": [
                    {"meter": "api_calls", "unit_price": 0.01, "included_units": Decimal("5E+4")}
                ],
            },
            idempotency_key="k1",
        )
    )
    assert server.line == "POST /subscriptions"
    assert server.body == {
        "customer_external_id": "user_123",
        "plan": "pro",
        "current_period_start": "2026-01-01T00:00:00Z",
        "current_period_end": "2026-01-31",
        "contract": {
            "base_price": "700",
            "meter_overrides": [
                {"meter": "api_calls", "unit_price": "0.01", "included_units": "50000"}
            ],
        },
    }
    assert server.requests[-1].headers["Idempotency-Key"] == "k1"
    assert isinstance(got, Subscription if form.name == "sync" else AsyncSubscription)


@pytest.mark.parametrize(
    ("status", "is_active", "is_trialing"),
    [("active", True, False), ("trialing", True, True), ("past_due", False, False)],
)
def test_its_state_can_be_asked(
    form: Blocking, status: str, is_active: bool, is_trialing: bool
) -> None:
    sub = form.do(form.client(StandIn(answer(status=status))).subscriptions.get("sub_1"))
    assert (sub.is_active(), sub.is_trialing()) == (is_active, is_trialing)


def test_a_cancel_holds_the_subscription(form: Blocking) -> None:
    refund = {"amount": "0.00", "currency": "USD", "destination": "wallet"}
    canceled = httpx2.Response(200, json={"subscription": SUBSCRIPTION, "refund": refund})
    server = StandIn(answer(), canceled)
    sub = form.do(form.client(server).subscriptions.get("sub_1"))
    done = form.do(sub.cancel(when="immediate", refund="prorated"))
    assert server.line == "POST /subscriptions/sub_1/cancel"
    assert server.body == {"when": "immediate", "refund": "prorated"}
    assert done.refund.amount == Decimal("0.00")
    assert done.subscription.is_active()


def test_a_change_of_plan_sends_its_fields(form: Blocking) -> None:
    server = StandIn(answer(), httpx2.Response(200, json={"subscription": SUBSCRIPTION}))
    sub = form.do(form.client(server).subscriptions.get("sub_1"))
    form.do(sub.change_plan("max", timing="immediate", preview=True))
    assert server.line == "POST /subscriptions/sub_1/change-plan"
    assert server.body == {"new_plan": "max", "timing": "immediate", "preview": True}


@pytest.fixture
def client(api: TestClient, home: Home) -> Tallybook:
    return Tallybook(home.live_key, base_url="http://testserver", http_client=api, max_retries=0)


def test_a_subscriptions_life_with_the_server(client: Tallybook) -> None:
    customer = client.customers.create(name="Acme", external_id="user_123")
    client.meters.create(name="Calls", key="api_calls", kind="billable")
    client.plans.create(name="Pro", key="pro")
    client.pricing.add_price_to_plan(
        "pro", market="global", base_price=99, billing_period="monthly"
    )
    sub = customer.subscribe(
        "pro",
        market="global",
        billing_period="monthly",
        contract={
            "base_price": 0,
            "notes": "launch",
            "meter_overrides": [
                {"meter": "api_calls", "pricing_model": "per_unit", "unit_price": 0.01}
            ],
        },
    )
    assert sub.is_active()
    assert [one.id for one in customer.get_subscriptions()] == [sub.id]
    assert [one.id for one in client.subscriptions.list(plan="pro", status="active")] == [sub.id]
    terms = sub.get_resolved_terms()
    assert (terms.base_price.amount, terms.base_price.source) == (0, "contract")
    assert terms.meters[0].unit_price == Decimal("0.01")
    (contract,) = sub.list_contracts()
    assert (contract.id, contract.notes) == (sub.contract_id, "launch")
    with pytest.raises(ConflictError) as refused:
        customer.subscribe("pro")
    assert refused.value.code == "already_subscribed"
    assert sub.suspend(reason="overdue").status == "suspended"
    assert sub.resume().is_active()
    client.plans.create(name="Max", key="max")
    client.pricing.add_price_to_plan("max", market="global", base_price=0, billing_period="monthly")
    shown = sub.change_plan("max", preview=True)
    assert shown.proration is not None
    assert (shown.proration.net_adjustment, shown.subscription.plan) == (0, "pro")
    waits = sub.change_plan("max", timing="period_end")
    assert waits.scheduled_change is not None
    assert (waits.scheduled_change.reason, waits.proration) == ("requested", None)
    assert sub.change_plan("max").subscription.plan == "max"
    later = sub.cancel(reason="moving on")
    assert later.subscription.cancel_at == sub.current_period_end
    assert later.subscription.resume().cancel_at is None
    done = sub.cancel(when="immediate", refund="prorated")
    assert (done.subscription.status, done.refund.amount) == ("canceled", 0)
    with pytest.raises(ConflictError) as over:
        sub.cancel()
    assert over.value.current_state == "canceled"


def test_a_contracts_life_with_the_server(client: Tallybook) -> None:
    client.customers.create(name="Acme", external_id="user_123")
    client.plans.create(name="Pro", key="pro")
    contract = client.contracts.create(
        customer_external_id="user_123",
        plan="pro",
        name="Acme",
        start_date=date(2099, 4, 1),
        payment_terms=14,
        metadata={"a": 1},
    )
    assert (contract.status, contract.start_date) == ("draft", date(2099, 4, 1))
    assert client.contracts.get(contract.id) == contract
    assert [one.id for one in client.contracts.list(status="draft")] == [contract.id]
    edited = client.contracts.update(contract.id, base_price=5, end_date="2100-04-01")
    assert (edited.base_price, edited.source) == (5, "contract")
    started = client.contracts.activate(contract.id, skip_validation=True)
    assert started.status == "scheduled"
    with pytest.raises(ConflictError) as refused:
        client.contracts.activate(contract.id)
    assert refused.value.current_state == "scheduled"
    assert client.contracts.cancel(contract.id).contract.status == "canceled"
