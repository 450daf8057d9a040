"""Traces in: rules, the wire in both forms, and the order in which spans come."""

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tallybook.server.costs.models import Attribution
from tallybook.server.ingest.formats.otlp import Span
from tallybook.server.ingest.rules.spans import costed, use_of, whose

AT = datetime(2026, 6, 1, tzinfo=UTC)
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.response.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 2006,
    "gen_ai.usage.output_tokens": 300,
    "gen_ai.usage.cache_read.input_tokens": 1920,
    "gen_ai.input.messages": "a secret",
}


def span(span_id: str, parent: str | None = None, **attributes: Any) -> Span:
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    return Span("t", span_id, parent, "chat", "scope", AT, named or CHAT)


def test_only_calls_of_models_cost() -> None:
    agent = span("1", gen_ai__operation__name="invoke_agent", gen_ai__usage__input_tokens=9)
    chain = span("2", "1", openinference__span__kind="CHAIN", llm__token_count__prompt=9)
    tool = span("3", "2", gen_ai__operation__name="execute_tool")
    call = span("4", "3")
    assert costed([agent, chain, tool, call]) == [call]


def test_of_two_calls_the_inner_one_counts() -> None:
    outer, middle, inner = span("1"), span("2", "1", other="x"), span("3", "2")
    assert costed([outer, middle, inner]) == [inner]
    assert costed([inner, outer]) == [inner, outer], "what lies between is not known"


def test_who_it_is_for_comes_from_what_encloses_it() -> None:
    outer = span("1", tallybook__customer="acme", gen_ai__agent__name="bot")
    inner = span("2", "1")
    by_id = {("t", one.span_id): one for one in (outer, inner)}
    named = whose(inner, by_id)
    assert (named.customer, named.agent, named.attribution) == (
        "acme",
        "bot",
        Attribution.INFERRED,
    )
    assert whose(outer, by_id).attribution is Attribution.EXPLICIT
    assert whose(inner, {}).attribution is Attribution.NONE


@pytest.mark.parametrize(
    ("names", "model", "tokens"),
    [
        (CHAT, "gpt-4o", (86, 1920, 300)),
        (
            {
                "llm.model_name": "gpt-4o",
                "llm.system": "openai",
                "llm.token_count.prompt": 2006,
                "llm.token_count.completion": 300,
                "llm.token_count.prompt_details.cache_read": 1920,
            },
            "gpt-4o",
            (86, 1920, 300),
        ),
        (
            {
                "gen_ai.system": "OpenAI",
                "gen_ai.request.model": "gpt-4o",
                "gen_ai.usage.prompt_tokens": 5,
                "gen_ai.usage.completion_tokens": 1,
            },
            "gpt-4o",
            (5, 0, 1),
        ),
    ],
)
def test_the_names_of_several_conventions(names: Any, model: str, tokens: Any) -> None:
    use, reason = use_of(Span("t", "1", None, "", "", AT, names))
    assert (use.model, reason) == (model, None)
    assert use.tokens is not None
    assert (use.tokens["input"], use.tokens["cache_read"], use.tokens["output"]) == tokens


def test_tokens_that_do_not_fit_are_said_to_be_ambiguous() -> None:
    odd = {**CHAT, "gen_ai.usage.input_tokens": 3}
    use, reason = use_of(Span("t", "1", None, "", "", AT, odd))
    assert (use.tokens, reason) == (None, "cache_exceeds_input")
    use, reason = use_of(span("1", gen_ai__operation__name="chat"))
    assert (use.tokens, reason) == (None, None)


def request(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}


def sent(span_id: str, parent: str = "", **attributes: Any) -> dict[str, Any]:
    values = {**CHAT, **{name.replace("__", "."): value for name, value in attributes.items()}}
    return {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": span_id.rjust(16, "0"),
        "parentSpanId": parent and parent.rjust(16, "0"),
        "name": "chat gpt-4o",
        "startTimeUnixNano": "1780272000000000000",
        "attributes": [
            {
                "key": name,
                "value": {"intValue": str(value)}
                if isinstance(value, int)
                else {"stringValue": value},
            }
            for name, value in values.items()
        ],
    }


def post(api: TestClient, body: Any, **headers: str) -> Any:
    answer = api.post("/otlp/v1/traces", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {}
    return answer


def counted(api: TestClient) -> list[Any]:
    found = api.get("/costs").json()["data"]
    return [cost for cost in found if cost["status"] != "voided"]


@pytest.fixture(autouse=True)
def customer(api: TestClient) -> None:
    api.post("/customers", json={"name": "Acme", "external_id": "acme"})


def test_a_trace_costs_once_and_keeps_no_prompt(api: TestClient) -> None:
    body = request(sent("1", tallybook__customer="acme"))
    post(api, body)
    post(api, body)
    (cost,) = counted(api)
    assert (cost["amount"], cost["category"], cost["attribution"]) == (
        "0.005615",
        "llm",
        "explicit",
    )
    assert cost["customer_id"] is not None
    assert cost["timestamp"] == "2026-06-01T00:00:00Z"
    assert "secret" not in json.dumps(api.get("/costs").json())
    report = api.get("/margins?group_by=customer&start=2026-06-01&end=2026-06-01").json()
    assert report["totals"][0]["cost"] == "0.005615"


def test_an_unknown_customer_is_kept_and_shown_as_unattributed(api: TestClient) -> None:
    post(api, request(sent("1", customer__id="nobody")))
    (cost,) = counted(api)
    assert (cost["customer_id"], cost["customer_external_id"]) == (None, "nobody")
    assert cost["attribution"] == "none"


@pytest.mark.parametrize("order", ["outer_first", "inner_first", "together"])
def test_of_two_spans_of_one_call_the_inner_counts_in_any_order(
    api: TestClient, order: str
) -> None:
    outer, inner = sent("1"), sent("2", "1", gen_ai__response__id="r")
    parts = {
        "outer_first": [[outer], [inner]],
        "inner_first": [[inner], [outer]],
        "together": [[outer, inner]],
    }[order]
    for part in parts:
        post(api, request(*part))
        post(api, request(*part))
    (cost,) = counted(api)
    assert cost["response_id"] == "r"


def test_a_call_that_came_in_another_way_is_not_counted_again(api: TestClient) -> None:
    call = {"provider": "openai", "model": "gpt-4o", "response_id": "r", "tokens": {"input": 1}}
    assert api.post("/costs", json=call).status_code == 201
    post(api, request(sent("2", "1", gen_ai__response__id="r")))
    post(api, request(sent("1")))
    (cost,) = counted(api)
    assert cost["amount"] == "0.0000025"


def test_the_provider_s_own_cost_goes_before_the_list(api: TestClient) -> None:
    post(api, request(sent("1", gen_ai__usage__cost="0.0042")))
    (cost,) = counted(api)
    assert (cost["amount"], cost["source"]) == ("0.0042", "span")


def test_protobuf_and_gzip(api: TestClient) -> None:
    made = ExportTraceServiceRequest()
    one = made.resource_spans.add().scope_spans.add().spans.add()
    one.trace_id, one.span_id, one.name = b"\x01" * 16, b"\x02" * 8, "chat"
    one.start_time_unix_nano = 1_780_272_000_000_000_000
    for name, value in CHAT.items():
        pair = one.attributes.add(key=name)
        if isinstance(value, int):
            pair.value.int_value = value
        else:
            pair.value.string_value = value
    kind = {"Content-Type": "application/x-protobuf"}
    body = made.SerializeToString()
    answer = api.post("/otlp/v1/traces", content=body, headers=kind)
    assert (answer.status_code, answer.content) == (200, b"")
    packed = {**kind, "Content-Encoding": "gzip"}
    assert api.post("/otlp/v1/traces", content=gzip.compress(body), headers=packed).is_success
    (cost,) = counted(api)
    assert cost["metadata"]["span"]["trace_id"] == "01" * 16


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"\xff\xff", {"Content-Type": "application/x-protobuf"}, 400),
        (b"{", {"Content-Type": "application/json"}, 400),
        (b"[]", {"Content-Type": "application/json"}, 400),
        (b"x", {"Content-Type": "text/plain"}, 400),
        (b"x", {"Content-Type": "application/json", "Content-Encoding": "gzip"}, 400),
        (
            gzip.compress(b"{}", mtime=0)[:-4],
            {"Content-Type": "application/json", "Content-Encoding": "gzip"},
            400,
        ),
        (
            gzip.compress(b" " * (33 << 20), mtime=0),
            {"Content-Type": "application/json", "Content-Encoding": "gzip"},
            413,
        ),
        (
            json.dumps(request({"spanId": "1"})).encode(),
            {"Content-Type": "application/json"},
            400,
        ),
    ],
)
def test_what_are_no_traces_is_refused(
    api: TestClient, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = api.post("/otlp/v1/traces", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert counted(api) == []
