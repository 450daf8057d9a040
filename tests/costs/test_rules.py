"""Costs of events, token buckets, and the bundled list: published examples and properties."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.costs.book import bundled_price
from tallybook.server.costs.models import BUCKETS, Priced, Source
from tallybook.server.costs.rules.buckets import Ambiguous, amount_of, from_total
from tallybook.server.costs.rules.derive import Work, costs_of, read_direct, to_places
from tallybook.server.costs.rules.providers import known_as
from tallybook.server.metering.models import (
    Aggregation,
    CostCategory,
    CostType,
    EarlierCost,
    Meter,
    MeterId,
    MeterKind,
    MeterStatus,
)
from tallybook.server.metering.rules.meters import changed, cost_as_of

AT = datetime(2026, 6, 1, tzinfo=UTC)


def meter(key: str, **fields: Any) -> Meter:
    defaults: dict[str, Any] = {
        "id": MeterId(f"mtr_{key}"),
        "key": key,
        "name": key,
        "kind": MeterKind.COST,
        "aggregation": Aggregation.SUM,
        "unit_label": None,
        "value_field": None,
        "description": None,
        "status": MeterStatus.ACTIVE,
        "cost_type": CostType.FIXED,
        "cost_per_unit": Decimal("0.01"),
        "category": CostCategory.API,
        "metadata": {},
        "events_seen": False,
        "created_at": AT,
        "updated_at": AT,
    }
    return Meter(**{**defaults, **fields})


def derived(
    attributes: dict[str, Any] | None = None,
    *works: Work,
    quantity: str = "1",
    action_type: str | None = None,
) -> list[tuple[Any, Any, Any]]:
    made = costs_of(
        attributes=attributes,
        quantity=Decimal(quantity),
        meter=None,
        is_meter_named=False,
        works=works,
        action_type=action_type,
        currency="USD",
        at=AT,
    )
    return [(one.meter_id, one.amount, one.reason) for one in made]


SMS = Work("act_sms", "task", "sms_sent", [meter("sms", cost_per_unit=Decimal("0.0075"))])
TOKENS = Work(
    "act_llm",
    "task",
    "llm",
    [
        meter(
            "tokens",
            cost_type=CostType.VARIABLE,
            value_field="tokens",
            cost_per_unit=Decimal("0.00001"),
        )
    ],
)
REPORT = Work("act_report", "workflow", "report", [meter("report", cost_per_unit=Decimal(2))])


def test_a_fixed_cost_is_multiplied_by_the_quantity() -> None:
    assert derived({}, SMS, quantity="5") == [("mtr_sms", Decimal("0.0375"), None)]


def test_a_variable_cost_reads_its_field() -> None:
    assert derived({"tokens": 2500}, TOKENS) == [("mtr_tokens", Decimal("0.025"), None)]


@pytest.mark.parametrize("attributes", [None, {}, {"tokens": "many"}, {"tokens": -1}])
def test_a_field_that_is_missing_is_unpriced_and_never_zero(attributes: Any) -> None:
    assert derived(attributes, TOKENS) == [("mtr_tokens", None, "value_missing")]


def test_the_type_and_the_name_of_the_action_choose() -> None:
    everything = derived({"tokens": 1}, SMS, TOKENS, REPORT)
    assert [meter_id for meter_id, _, _ in everything] == ["mtr_sms", "mtr_tokens", "mtr_report"]
    tasks = derived({"tokens": 1}, SMS, TOKENS, REPORT, action_type="task")
    assert [meter_id for meter_id, _, _ in tasks] == ["mtr_sms", "mtr_tokens"]
    one = derived({"action": "sms_sent"}, SMS, TOKENS, REPORT, action_type="task")
    assert one == [("mtr_sms", Decimal("0.0075"), None)]
    assert derived({"action": "unheard"}, REPORT, action_type="task") == []


def test_a_meter_on_two_actions_costs_once_and_an_archived_one_nothing() -> None:
    again = Work("act_2", "task", "again", SMS.cost_meters)
    assert len(derived({}, SMS, again)) == 1
    gone = Work("act_3", "task", "gone", [meter("gone", status=MeterStatus.ARCHIVED)])
    assert derived({}, gone) == []


def test_what_the_caller_says_goes_first() -> None:
    assert derived({"cost_usd": "0.032", "tokens": 5}, SMS, TOKENS) == [
        (None, Decimal("0.032"), None)
    ]
    (draft,) = costs_of(
        attributes={"cost": {"amount": "1.5", "currency": "EUR"}},
        quantity=Decimal(1),
        meter=meter("llm", category=CostCategory.LLM),
        is_meter_named=True,
        works=[],
        action_type=None,
        currency="USD",
        at=AT,
    )
    assert (draft.amount, draft.currency, draft.category, draft.source) == (
        Decimal("1.5"),
        "EUR",
        CostCategory.LLM,
        Source.DIRECT,
    )


def test_a_named_meter_without_a_cost_costs_nothing() -> None:
    made = costs_of(
        attributes={"tokens": 5},
        quantity=Decimal(1),
        meter=meter("x"),
        is_meter_named=True,
        works=[SMS],
        action_type=None,
        currency="USD",
        at=AT,
    )
    assert made == []


@pytest.mark.parametrize(
    "attributes",
    [
        {"cost_usd": -1},
        {"cost_usd": "NaN"},
        {"cost_usd": "Infinity"},
        {"cost_usd": "much"},
        {"cost_usd": "0.0000000000001"},
        {"cost": {"amount": "-1", "currency": "USD"}},
        {"cost": {"amount": "1", "currency": "XYZ"}},
    ],
)
def test_a_cost_that_is_none_is_refused(attributes: Any) -> None:
    with pytest.raises(ValueError, match="cost"):
        read_direct(attributes)


def test_a_word_of_the_callers_own_is_no_cost() -> None:
    assert read_direct({"cost": "high"}) is None
    assert read_direct({"cost_usd": None}) is None


TOKEN_COUNT = st.integers(0, 10**9)


@given(TOKEN_COUNT, TOKEN_COUNT, TOKEN_COUNT, TOKEN_COUNT, TOKEN_COUNT)
def test_buckets_are_disjoint_and_add_up(
    uncached: int, read: int, write_5m: int, write_1h: int, output: int
) -> None:
    total = uncached + read + write_5m + write_1h
    made = from_total(
        total_input=total, output=output, cache_read=read, write_5m=write_5m, write_1h=write_1h
    )
    assert sum(made.values()) == total + output
    assert made["input"] == uncached


def test_more_of_the_cache_than_there_was_is_ambiguous() -> None:
    with pytest.raises(Ambiguous):
        from_total(total_input=3, output=550, cache_read=500)


@given(
    st.dictionaries(st.sampled_from(BUCKETS), TOKEN_COUNT),
    st.dictionaries(
        st.sampled_from(BUCKETS), st.decimals("0", "1000", places=6, allow_nan=False), min_size=1
    ),
)
def test_an_amount_is_the_exact_sum(tokens: dict[str, int], prices: dict[str, Decimal]) -> None:
    exact = sum(
        (
            Fraction(count)
            * Fraction(
                prices.get(bucket, Decimal(0) if bucket == "output" else prices.get("input", 0))
            )
            / 1_000_000
            for bucket, count in tokens.items()
        ),
        Fraction(0),
    )
    assert Fraction(amount_of(tokens, prices)) == exact


def test_twelve_places_half_up() -> None:
    assert to_places(Decimal("0.0000000000005")) == Decimal("0.000000000001")
    assert to_places(Decimal("0.0000000000004")) == 0


def total(provider: str, model: str, at: datetime = AT, **tokens: int) -> Decimal:
    found = bundled_price(known_as(provider), model, tokens, at)
    assert isinstance(found, Priced), found
    return found.amount


def test_the_bundled_list_prices_what_the_vendors_publish() -> None:
    openai = {"input": 86, "cache_read": 1920, "output": 300}
    assert total("openai", "gpt-4o", **openai) == Decimal("0.005615")
    claude = {"input": 3, "cache_write_5m": 12304, "cache_read": 500, "output": 550}
    assert total("anthropic", "claude-3-5-sonnet-20241022", **claude) == Decimal("0.054549")
    hour = {"input": 3, "cache_write_1h": 12304, "output": 550}
    assert total("anthropic", "claude-3-5-sonnet-20241022", **hour) == Decimal("0.082083")


def test_a_price_is_of_its_time_and_tiers_are_a_cliff() -> None:
    before, after = datetime(2025, 6, 9, tzinfo=UTC), datetime(2025, 6, 11, tzinfo=UTC)
    million = {"input": 1_000_000, "output": 1_000_000}
    assert total("openai", "o3", before, **million) == 50
    assert total("openai", "o3", after, **million) == 10
    assert total("gcp.gemini", "gemini-2.5-pro", input=200_000, output=1_000) == Decimal("0.26")
    assert total("gemini", "gemini-2.5-pro", input=200_001, output=1_000) == Decimal("0.5150025")


def test_what_nobody_lists_is_unknown() -> None:
    assert bundled_price("openai", "gpt-99", {"input": 1}, AT) == "model_unknown"
    assert bundled_price("nobody", "gpt-4o", {"input": 1}, AT) == "model_unknown"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("azure.ai.openai", "azure"),
        ("azure.ai.inference", "azure"),
        ("gcp.gen_ai", "google"),
        ("x_ai", "x-ai"),
        ("aws.bedrock", "aws"),
        ("OpenAI", "openai"),
        ("groq", "groq"),
    ],
)
def test_providers_have_one_name(name: str, known: str) -> None:
    assert known_as(name) == known


def test_a_cost_meter_remembers_what_it_said() -> None:
    first = meter("sms", cost_per_unit=Decimal(1))
    second = changed(first, {"cost_per_unit": Decimal(2)}, AT)
    renamed = changed(second, {"name": "SMS"}, AT + timedelta(days=1))
    third = changed(
        renamed,
        {"cost_type": CostType.VARIABLE, "value_field": "parts", "cost_per_unit": Decimal(3)},
        AT + timedelta(days=2),
    )
    assert third.earlier_costs == (
        EarlierCost(AT, CostType.FIXED, Decimal(1), None),
        EarlierCost(AT + timedelta(days=2), CostType.FIXED, Decimal(2), None),
    )
    instant = timedelta(microseconds=1)
    for at, rate in (
        (datetime(2000, 1, 1, tzinfo=UTC), 1),
        (AT - instant, 1),
        (AT, 2),
        (AT + timedelta(days=2) - instant, 2),
        (AT + timedelta(days=2), 3),
    ):
        assert cost_as_of(third, at).cost_per_unit == rate
    assert cost_as_of(third, AT).value_field is None
    at_once = changed(second, {"cost_per_unit": Decimal(5)}, AT)
    assert at_once.earlier_costs == second.earlier_costs, "it was 2 for no time at all"


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3)), max_size=8), st.integers(-2, 40))
def test_an_event_costs_what_was_said_at_its_time(changes: list[tuple[int, int]], day: int) -> None:
    said, now = meter("sms", cost_per_unit=Decimal(0)), AT
    history = [(datetime.min.replace(tzinfo=UTC), Decimal(0))]
    for rate, days in changes:
        now += timedelta(days=days)
        said = changed(said, {"cost_per_unit": Decimal(rate)}, now)
        history.append((now, Decimal(rate)))
    at = AT + timedelta(days=day)
    expected = [rate for since, rate in history if since <= at][-1]
    assert cost_as_of(said, at).cost_per_unit == expected
