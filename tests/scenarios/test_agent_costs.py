"""The worked examples of an agent with several costs, through a server and the SDK, to the margin.

The numbers of the examples are Coobird's; the prices around them are stated here.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tallybook import Tallybook
from tests.e2e.conftest import Server

pytestmark = pytest.mark.slow

DAY = datetime(2026, 3, 10, tzinfo=UTC)
SPAN = {"start": "2026-03-01", "end": "2026-03-31"}


@pytest.fixture
def client(server: Server) -> Any:
    key = server.json("projects", "create", "Agents")["test_key"]
    with server.client(key) as made:
        made.test_clock.advance(datetime(2026, 3, 1, tzinfo=UTC))
        sell(made)
        made.test_clock.advance(DAY)
        yield made


def sell(client: Tallybook) -> None:
    """An agent whose reports are sold at 5.00, e-mails at 0.02, messages at 0.05."""
    cost = {"kind": "cost", "aggregation": "sum"}
    client.meters.create(name="LLM", key="openai_llm_cost", category="llm", **cost)
    client.meters.create(name="Search", key="search_api_cost", category="api", **cost)
    fixed = {**cost, "cost_type": "fixed"}
    client.meters.create(
        name="Mail", key="mail_cost", category="api", cost_per_unit="0.001", **fixed
    )
    client.meters.create(
        name="SMS", key="sms_cost", category="api", cost_per_unit="0.0075", **fixed
    )
    client.meters.create(
        name="Run", key="run_cost", category="compute", cost_per_unit="0.25", **fixed
    )
    client.meters.create(
        name="Tokens",
        key="token_cost",
        category="llm",
        cost_type="variable",
        cost_per_unit="0.00001",
        value_field="tokens",
        **cost,
    )
    plan = client.plans.create(name="Pay as you go", key="payg")
    agents: dict[str, list[tuple[str, str, str, str, list[str]]]] = {
        "agent_research": [
            ("Report", "workflow", "research_report", "0", ["run_cost"]),
            ("Delivered", "outcome", "report_generated", "5", []),
        ],
        "agent_mail": [("Mail", "task", "email_sent", "0.02", ["mail_cost"])],
        "agent_sms": [("SMS", "task", "sms_sent", "0.05", ["sms_cost"])],
        "agent_chat": [("Chat", "task", "chat_turn", "0.04", ["token_cost"])],
    }
    for agent, actions in agents.items():
        client.agents.create(name=agent, external_id=agent)
        for name, kind, meter, price, costs in actions:
            client.agents.actions.create(
                agent,
                name=name,
                action_type=kind,
                billable_meter={"name": name, "key": meter},
                cost_meter_ids=costs,
                value={"fte_equivalent": "0.5", "revenue_per_unit": "40"} if price == "5" else None,
            )
            client.plans.meter_prices.create(
                plan.id, meter=meter, pricing_model="per_unit", unit_price=price
            )
    client.customers.create(name="Customer 123", external_id="cust_123").subscribe(plan="payg")


def amounts(client: Tallybook) -> list[tuple[str, str, str]]:
    found = client.costs.list(order="asc", limit=100)
    return [(str(cost.amount), cost.category, cost.source) for cost in found]


def line(report: Any, name: str | None) -> Any:
    (found,) = [one for one in report.lines if one.group["name"] == name]
    return found


def test_an_agent_with_multiple_cost_sources(client: Any) -> None:
    who = {"customer_external_id": "cust_123", "agent": "agent_research", "timestamp": DAY}
    client.track_task(
        **who,
        meter="openai_llm_cost",
        attributes={"cost_usd": 0.032, "model": "gpt-4o", "input_tokens": 5000},
    )
    client.track_task(
        **who, meter="search_api_cost", attributes={"cost_usd": 0.01, "provider": "tavily"}
    )
    client.track_workflow(
        **who, quantity=1, attributes={"workflow": "research_report", "steps_completed": 5}
    )
    client.track_outcome(**who, attributes={"outcome_type": "report_generated", "pages": 12})
    result = client.flush()
    assert (result.accepted, result.unmatched, result.rejected) == (4, 0, 0)
    assert sorted(amounts(client)) == [
        ("0.01", "api", "direct"),
        ("0.032", "llm", "direct"),
        ("0.25", "compute", "derived"),
    ]
    report = client.margins.report(group_by="agent", **SPAN)
    research = line(report, "agent_research")
    assert (research.revenue, research.cost) == (Decimal(5), Decimal("0.292"))
    assert research.cost_by_category == {
        "api": Decimal("0.01"),
        "compute": Decimal("0.25"),
        "llm": Decimal("0.032"),
    }
    assert (research.margin, research.margin_percent) == (Decimal("4.708"), Decimal("94.16"))
    by_action = client.margins.report(group_by="action", **SPAN)
    delivered = line(by_action, "Delivered")
    assert (delivered.revenue, delivered.cost, delivered.quantity) == (5, 0, 1)
    assert delivered.value == {"fte": "0.5", "delivered_value": "40"}
    run = line(by_action, "Report")
    assert (run.revenue, run.cost, run.is_under_water) == (0, Decimal("0.25"), True)
    assert run.margin_percent is None


def test_derived_costs(client: Any) -> None:
    client.track_task(
        customer_external_id="cust_123",
        agent="agent_mail",
        quantity=1,
        attributes={"action": "email_sent"},
        timestamp=DAY,
    )
    client.flush()
    assert amounts(client) == [("0.001", "api", "derived")]
    mail = line(client.margins.report(group_by="agent", **SPAN), "agent_mail")
    assert (mail.revenue, mail.cost, mail.margin_percent) == (
        Decimal("0.02"),
        Decimal("0.001"),
        Decimal(95),
    )


def test_token_based(client: Any) -> None:
    client.track_task(
        customer_external_id="cust_123",
        agent="agent_chat",
        quantity=1,
        attributes={"model": "gpt-4o", "tokens": 2500},
        timestamp=DAY,
    )
    client.flush()
    assert amounts(client) == [("0.025", "llm", "derived")]
    chat = line(client.margins.report(group_by="agent", **SPAN), "agent_chat")
    assert (chat.margin, chat.margin_percent) == (Decimal("0.015"), Decimal("37.5"))


def test_multi_quantity(client: Any) -> None:
    client.track_task(
        customer_external_id="cust_123",
        agent="agent_sms",
        quantity=5,
        attributes={"action": "sms_sent", "recipient_count": 5},
        timestamp=DAY,
    )
    client.flush()
    assert amounts(client) == [("0.0375", "api", "derived")]
    by_customer = client.margins.report(group_by="customer", **SPAN)
    (customer,) = by_customer.lines
    assert (customer.group["name"], customer.revenue, customer.cost) == (
        "Customer 123",
        Decimal("0.25"),
        Decimal("0.0375"),
    )
    by_day = client.margins.report(group_by="day", **SPAN)
    assert [(one.group["day"], one.margin) for one in by_day.lines] == [
        ("2026-03-10", Decimal("0.2125"))
    ]
    assert by_day.totals[0].margin == Decimal("0.2125")
    client.test_clock.advance(datetime(2026, 4, 2, tzinfo=UTC))
    invoiced = client.margins.report(
        group_by="meter", start="2026-04-01", end="2026-04-30", basis="invoiced"
    )
    assert line(invoiced, "sms_sent").revenue == Decimal("0.25")
    accrued = client.margins.report(group_by="customer", **SPAN)
    assert accrued.lines[0].revenue == Decimal("0.25"), "invoiced meanwhile, and earned in March"
    assert (
        client.margins.report(group_by="customer", **SPAN, basis="invoiced").totals[0].revenue == 0
    )
