"""Wrapped clients of the vendors' real libraries, against a server that speaks their APIs."""

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

import tallybook
from tallybook import Tallybook
from tallybook.client.llm.usage import from_anthropic, from_openai

from .vendors import WORDS, Vendors

ASK: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
ASK_CLAUDE: dict[str, Any] = {
    "model": "claude-3-5-sonnet-20241022",
    "max_tokens": 10,
    "messages": [{"role": "user", "content": "hi"}],
}
OPENAI = {"input": 86, "cache_read": 1920, "output": 300}
CLAUDE = {
    "input": 3,
    "cache_read": 500,
    "cache_write_5m": 12304,
    "cache_write_1h": 0,
    "output": 550,
}


class Sink:
    """Takes costs, as a client does."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def track_cost(self, **cost: Any) -> None:
        self.told.append(cost)

    @property
    def only(self) -> dict[str, Any]:
        (one,) = self.told
        return one


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def gpt(vendors: Vendors, sink: Sink) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="k", base_url=f"{vendors.url}/v1", max_retries=0) as client:
        yield tallybook.wrap(client, tallybook=sink)


@pytest.fixture
def claude(vendors: Vendors, sink: Sink) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="k", base_url=vendors.url, max_retries=0) as client:
        yield tallybook.wrap(client, tallybook=sink)


def test_a_chat_completion(gpt: openai.OpenAI, sink: Sink) -> None:
    with tallybook.attribute(customer="acme", agent="bot", action="lookups"):
        answer = gpt.chat.completions.create(**ASK)
    assert answer.choices[0].message.content == "Hello world"
    assert sink.only == {
        "provider": "openai",
        "model": "gpt-4o-2024-08-06",
        "response_id": answer.id,
        "tokens": OPENAI,
        "customer_external_id": "acme",
        "agent": "bot",
        "action": "lookups",
    }


def test_tool_calls_and_parsed_answers(gpt: openai.OpenAI, sink: Sink) -> None:
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": {}}}
    answer = gpt.chat.completions.create(**ASK, tools=[tool])
    assert answer.choices[0].message.tool_calls
    gpt.chat.completions.parse(**ASK)
    assert [one["tokens"] for one in sink.told] == [OPENAI, OPENAI]


def test_a_streamed_chat_has_its_usage_and_no_further_chunk(
    gpt: openai.OpenAI, sink: Sink, vendors: Vendors
) -> None:
    with tallybook.attribute(customer="acme"):
        stream = gpt.chat.completions.create(**ASK, stream=True)
    words = [chunk.choices[0].delta.content for chunk in stream]
    assert words == list(WORDS)
    assert vendors.asked[-1]["stream_options"] == {"include_usage": True}
    assert (sink.only["tokens"], sink.only["customer_external_id"]) == (OPENAI, "acme")


def test_who_asked_for_the_usage_sees_it(gpt: openai.OpenAI, sink: Sink) -> None:
    stream = gpt.chat.completions.create(**ASK, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    assert (len(chunks), chunks[-1].choices) == (4, [])
    assert sink.only["tokens"] == OPENAI


@pytest.mark.parametrize("how", ["break", "with", "close", "drop"])
def test_a_stream_that_breaks_off_is_unknown(gpt: openai.OpenAI, sink: Sink, how: str) -> None:
    stream: Any = gpt.chat.completions.create(**ASK, stream=True)
    match how:
        case "break":
            parts = iter(stream)
            next(parts)
            parts.close()
        case "with":
            with stream as inside:
                next(inside)
        case "close":
            next(stream)
            stream.close()
        case "drop":
            stream.response.close()
            del stream
            gc.collect()
    assert (sink.only["tokens"], sink.only["model"][:6]) == (None, "gpt-4o")


def test_the_stream_helper(gpt: openai.OpenAI, sink: Sink) -> None:
    with gpt.chat.completions.stream(**ASK) as stream:
        for _ in stream:
            pass
        assert stream.get_final_completion().choices[0].message.content == "Hello world"
    assert sink.only["tokens"] == OPENAI


def test_responses(gpt: openai.OpenAI, sink: Sink) -> None:
    answer = gpt.responses.create(model="gpt-4o", input="hi")
    assert answer.output_text == "Hello world"
    parts = list(gpt.responses.create(model="gpt-4o", input="hi", stream=True))
    assert parts[-1].type == "response.completed"
    gpt.responses.parse(model="gpt-4o", input="hi")
    assert [one["tokens"] for one in sink.told] == [OPENAI] * 3
    assert sink.told[0]["response_id"] == answer.id


def test_embeddings(gpt: openai.OpenAI, sink: Sink) -> None:
    gpt.embeddings.create(model="text-embedding-3-small", input="x")
    assert sink.only["tokens"] == {"input": 1000, "cache_read": 0, "output": 0}
    assert "response_id" not in sink.only


def test_embeddings_may_be_left_to_traces(vendors: Vendors, sink: Sink) -> None:
    with openai.OpenAI(api_key="k", base_url=f"{vendors.url}/v1", max_retries=0) as client:
        tallybook.wrap(client, tallybook=sink, embeddings=False)
        client.embeddings.create(model="text-embedding-3-small", input="x")
        client.with_options(timeout=5).embeddings.create(model="text-embedding-3-small", input="x")
        assert sink.told == []
        client.chat.completions.create(**ASK)
    assert len(sink.told) == 1


def test_raw_answers_and_changed_clients(gpt: openai.OpenAI, sink: Sink) -> None:
    raw = gpt.chat.completions.with_raw_response.create(**ASK)
    assert raw.parse().choices[0].message.content == "Hello world"
    gpt.with_options(timeout=5).chat.completions.create(**ASK)
    assert [one["tokens"] for one in sink.told] == [OPENAI, OPENAI]
    tallybook.wrap(gpt)  # once is enough, and asks for no client of its own
    gpt.chat.completions.create(**ASK)
    assert len(sink.told) == 3


def test_messages(claude: anthropic.Anthropic, sink: Sink) -> None:
    answer = claude.messages.create(**ASK_CLAUDE)
    assert sink.only == {
        "provider": "anthropic",
        "model": ASK_CLAUDE["model"],
        "response_id": answer.id,
        "tokens": CLAUDE,
    }


def test_streamed_messages(claude: anthropic.Anthropic, sink: Sink) -> None:
    parts = list(claude.messages.create(**ASK_CLAUDE, stream=True))
    assert parts[-1].type == "message_stop"
    with claude.messages.stream(**ASK_CLAUDE) as stream:
        assert "".join(stream.text_stream) == "Hello world"
    assert [one["tokens"] for one in sink.told] == [CLAUDE, CLAUDE]
    with claude.messages.stream(**ASK_CLAUDE) as stream:
        next(iter(stream))
    assert sink.told[-1]["tokens"] is None
    assert sink.told[-1]["response_id"].startswith("msg_")


def test_asyncio_clients(vendors: Vendors, sink: Sink) -> None:
    async def work() -> None:
        gpt = openai.AsyncOpenAI(api_key="k", base_url=f"{vendors.url}/v1", max_retries=0)
        claude = anthropic.AsyncAnthropic(api_key="k", base_url=vendors.url, max_retries=0)
        async with gpt, claude, tallybook.attribute(customer="acme"):
            tallybook.wrap(gpt, tallybook=sink)
            tallybook.wrap(claude, tallybook=sink)
            await gpt.chat.completions.create(**ASK)
            stream = await gpt.chat.completions.create(**ASK, stream=True)
            assert [chunk.choices[0].delta.content async for chunk in stream] == list(WORDS)
            await gpt.responses.create(model="gpt-4o", input="hi")
            await claude.messages.create(**ASK_CLAUDE)
            async for _ in await claude.messages.create(**ASK_CLAUDE, stream=True):
                pass
            async with claude.messages.stream(**ASK_CLAUDE) as managed:
                async for _ in managed.text_stream:
                    pass
            with tallybook.attribute(agent="other"):
                task = asyncio.create_task(gpt.chat.completions.create(**ASK))
            await task

    asyncio.run(work())
    assert [one["tokens"] for one in sink.told] == [OPENAI] * 3 + [CLAUDE] * 3 + [OPENAI]
    assert {one["customer_external_id"] for one in sink.told} == {"acme"}
    assert sink.told[-1]["agent"] == "other"


def test_attribution_nests_and_ends(gpt: openai.OpenAI, sink: Sink) -> None:
    with tallybook.attribute(customer="acme", agent="bot", action="a"):
        with tallybook.attribute(customer_id="cus_1"):
            gpt.embeddings.create(model="m", input="x")
        with tallybook.attribute(agent="other"):
            gpt.embeddings.create(model="m", input="x")
    gpt.embeddings.create(model="m", input="x")
    whose = [
        {k: v for k, v in one.items() if k not in ("provider", "model", "tokens")}
        for one in sink.told
    ]
    assert whose == [
        {"customer_id": "cus_1", "agent": "bot", "action": "a"},
        {"customer_external_id": "acme", "agent": "other"},
        {},
    ]
    with pytest.raises(TypeError, match="not both"):
        tallybook.attribute(customer="a", customer_id="b")


def test_threads_need_bind(gpt: openai.OpenAI, sink: Sink) -> None:
    def call() -> None:
        gpt.embeddings.create(model="m", input="x")

    with tallybook.attribute(customer="acme"):
        threads = [threading.Thread(target=target) for target in (call, tallybook.bind(call))]
    for thread in threads:
        thread.start()
        thread.join()
    assert [one.get("customer_external_id") for one in sink.told] == [None, "acme"]


def test_nothing_of_ours_breaks_a_call(vendors: Vendors) -> None:
    class Broken:
        def track_cost(self, **_: Any) -> None:
            raise RuntimeError("no")

    with openai.OpenAI(api_key="k", base_url=f"{vendors.url}/v1") as client:
        tallybook.wrap(client, tallybook=Broken())
        assert client.chat.completions.create(**ASK).choices
        assert len(list(client.chat.completions.create(**ASK, stream=True))) == 3


def test_an_error_of_the_vendor_passes_and_costs_nothing(gpt: openai.OpenAI, sink: Sink) -> None:
    bad = gpt.with_options(base_url="http://127.0.0.1:1/v1")
    with pytest.raises(openai.APIConnectionError):
        bad.chat.completions.create(**ASK)
    assert sink.told == []


def test_another_thing_is_not_wrapped() -> None:
    with pytest.raises(TypeError, match="neither openai nor anthropic"):
        tallybook.wrap(object())


def test_without_a_client_the_environment_must_name_one(vendors: Vendors) -> None:
    with (
        openai.OpenAI(api_key="k", base_url=vendors.url) as client,
        pytest.raises(tallybook.ConfigurationError, match="tallybook=client"),
    ):
        tallybook.wrap(client)


def test_importing_the_sdk_loads_no_vendor() -> None:
    code = (
        "import tallybook, sys; tallybook.wrap; print({'openai', 'anthropic'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"


def test_usage_is_read_from_mappings_too() -> None:
    assert from_openai({"prompt_tokens": 5, "completion_tokens": 1}) == {
        "input": 5,
        "cache_read": 0,
        "output": 1,
    }
    hour = {"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 4}}
    read = from_anthropic({"input_tokens": 1, "output_tokens": 2, **hour})
    assert read is not None
    assert (read["cache_write_5m"], read["cache_write_1h"]) == (5, 4)
    assert from_openai(None) is None
    assert from_anthropic(None) is None


def test_a_client_is_a_sink() -> None:
    with Tallybook("tb_test_x", disabled=True) as client:
        client.track_cost(provider="openai", model="m", tokens=None)
