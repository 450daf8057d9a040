"""The catalog's verbs against the real application, in process."""

from decimal import Decimal

import httpx2
import pytest
from starlette.testclient import TestClient

from tallybook import (
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    Tallybook,
    UnprocessableEntityError,
)
from tests.conftest import Home

from .stand_in import Blocking, StandIn

TIERS = [
    {"order": 1, "start_unit": 0, "end_unit": 100, "unit_price": 10},
    {"order": 2, "start_unit": 101, "end_unit": 1000, "unit_price": 5},
    {"order": 3, "start_unit": 1001, "unit_price": 2},
]


@pytest.fixture
def client(api: TestClient, home: Home) -> Tallybook:
    return Tallybook(home.live_key, base_url="http://testserver", http_client=api, max_retries=0)


def test_markets_and_balances_are_listed(client: Tallybook, home: Home) -> None:
    (market,) = client.markets.list(home.project_id).data
    assert (market.key, market.currency, market.is_default) == ("global", "USD", True)
    (balance,) = client.balances.list(project_id=home.project_id).data
    assert (balance.currency, balance.minor_units, balance.wallet_total) == ("USD", 2, 0)
    with pytest.raises(PermissionDeniedError) as refused:
        client.markets.list("prj_other")
    assert refused.value.code == "project_mismatch"


def test_a_plans_life(client: Tallybook) -> None:
    plan = client.plans.create(name="Pro", key="pro", features=["sso"], metadata={"a": 0.5})
    assert (plan.version, plan.metadata) == (1, {"a": 0.5})
    assert client.plans.get("pro") == client.plans.get(plan.id) == plan
    assert client.plans.update("pro", description="x", metadata={"a": None}).version == 2
    assert [found.key for found in client.plans.list(search="PR", plan_type="standard")] == ["pro"]
    with pytest.raises(ConflictError) as refused:
        client.plans.create(name="Pro", key="pro")
    assert refused.value.code == "key_taken"
    price = client.pricing.add_price_to_plan(
        "pro", market="global", base_price=99, billing_period="monthly"
    )
    assert (price.base_price, price.currency, price.warnings) == (Decimal(99), "USD", [])
    client.meters.create(name="Calls", key="api_calls", kind="billable")
    priced = client.pricing.add_to_plan(
        "pro", meter="api_calls", pricing_model="per_unit", unit_price=0.01, included_units=1000
    )
    assert (priced.plan_price_id, priced.unit_price) == (price.id, Decimal("0.01"))
    yearly = client.pricing.add_price_to_plan(
        "pro",
        market="global",
        base_price="990",
        billing_period="yearly",
        copy_meter_pricing_from=price.id,
    )
    assert len(client.plans.meter_prices.list("pro", plan_price_id=yearly.id).data) == 1
    assert client.pricing.update_price(yearly.id, base_price=950).base_price == 950
    assert len(client.pricing.list_prices("pro").data) == 2
    client.plans.delete("pro")
    assert client.plans.get("pro").status == "archived"


def test_tiers_are_edited_one_by_one(client: Tallybook) -> None:
    client.plans.create(name="Pro", key="pro")
    client.meters.create(name="Calls", key="api_calls", kind="billable")
    prices = client.plans.meter_prices
    price = prices.create("pro", meter="api_calls", pricing_model="tiered", tiers=TIERS)
    fourth = prices.tiers.create("pro", price.id, order=4, start_unit=5001, unit_price="1")
    changed = prices.tiers.update("pro", price.id, fourth.id, unit_price=0.5)
    assert changed.unit_price == Decimal("0.5")
    second = price.tiers[1].id
    with pytest.raises(UnprocessableEntityError) as refused:
        prices.tiers.delete("pro", price.id, second)
    assert refused.value.code == "tiers_not_contiguous"
    prices.tiers.delete("pro", price.id, second, rejoin=True)
    ends = [tier.end_unit for tier in prices.get("pro", price.id).tiers]
    assert ends == [1000, 5000, None]
    after = prices.update("pro", price.id, pricing_model="flat", flat_fee=20)
    assert (after.tiers, after.flat_fee) == ([], 20)
    prices.delete("pro", price.id)
    with pytest.raises(NotFoundError):
        prices.get("pro", price.id)


def test_charges_and_catalogs(client: Tallybook) -> None:
    client.plans.create(name="Pro", key="pro")
    client.plans.create(name="Free", key="free")
    client.pricing.add_price_to_plan(
        "pro", market="global", base_price=99, billing_period="monthly"
    )
    charges = client.plans.charges
    fee = charges.create("pro", name="Fee", key="fee", charge_type="one_time", amount=5)
    assert charges.update("pro", fee.id, amount="7.5").amount == Decimal("7.5")
    assert [charge.id for charge in charges.list("pro")] == [fee.id]
    catalog = client.pricing.get_plan_catalog("pro", market="global", billing_period="monthly")
    assert catalog.market_price is not None
    assert (catalog.market_price.base_price, len(catalog.charges)) == (99, 1)
    assert client.pricing.get_plan_catalog("pro", market="global").market_price is None
    listed = client.pricing.list_plan_catalogs(market="global", billing_period="monthly", limit=10)
    assert [item.plan.key for item in listed] == ["pro"]
    assert [(item.plan.key, item.reason) for item in listed.unavailable] == [
        ("free", "price_not_configured")
    ]
    charges.delete("pro", fee.id)
    assert charges.list("pro").data == []


def test_an_estimate(client: Tallybook) -> None:
    estimate = client.pricing.estimate(1500, "tiered", tiers=TIERS)
    assert (estimate.amount, estimate.currency) == (6500, "USD")
    assert [piece.amount for piece in estimate.slices] == [1000, 4500, 1000]


def test_an_agent_with_its_actions(client: Tallybook) -> None:
    cost = client.meters.create(
        name="Tokens",
        key="tokens",
        kind="cost",
        cost_type="variable",
        cost_per_unit=0.000003,
        value_field="total_tokens",
        category="llm",
    )
    made = client.agents.create_with_actions(
        agent={"name": "Support", "external_id": "bots/1", "config": {"temperature": 0.5}},
        actions=[
            {
                "name": "Answer",
                "action_type": "task",
                "billable_meter": {"name": "Answers", "key": "answers"},
                "cost_meter_ids": [cost.id],
                "value": {"fte_equivalent": 0.25},
            }
        ],
    )
    (action,) = made.actions
    assert action.value.fte_equivalent == Decimal("0.25")
    assert client.agents.get("bots/1") == made
    assert made.config == {"temperature": 0.5}
    actions = client.agents.actions
    changed = actions.update("bots/1", action.id, remove_cost_meter_ids=[cost.id], value=None)
    assert (changed.cost_meter_ids, changed.value.fte_equivalent) == ([], None)
    assert [found.id for found in actions.list("bots/1", action_type="task")] == [action.id]
    with pytest.raises(ConflictError) as refused:
        client.meters.delete("answers")
    assert refused.value.code == "meter_in_use"
    actions.delete("bots/1", action.id)
    client.meters.delete("answers")
    assert client.agents.update("bots/1", status="active").status == "active"
    assert client.agents.list(has_external_id=True, status="active").data[0].id == made.id
    client.agents.delete("bots/1")
    assert client.agents.list().data == []


def test_both_forms_ask_for_catalogs_alike(form: Blocking) -> None:
    page = {"data": [], "has_more": False, "limit": 25, "unavailable": []}
    server = StandIn(httpx2.Response(200, json=page))
    listed = form.do(form.client(server).pricing.list_plan_catalogs(market="global"))
    assert server.line == "GET /plan-catalogs?market=global"
    assert listed.unavailable == []
