"""An agent's program: calls both vendors, and reports its calls in the ways that it is told."""

import os

import anthropic
import openai
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import tallybook
from tallybook.client.llm.usage import from_anthropic, from_openai

SERVER, KEY, VENDORS = (os.environ[name] for name in ("SERVER", "KEY", "VENDORS"))
WAYS = set(os.environ["WAYS"].split())


def trace_calls(provider: TracerProvider) -> None:
    if "openinference" in WAYS:
        from openinference.instrumentation.anthropic import AnthropicInstrumentor
        from openinference.instrumentation.openai import OpenAIInstrumentor
    else:
        from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
        from opentelemetry.instrumentation.openai import OpenAIInstrumentor
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    AnthropicInstrumentor().instrument(tracer_provider=provider)


if WAYS & {"openinference", "openllmetry"}:
    resource = Resource({"tallybook.customer": "acme", "tallybook.agent": "bot"})
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(
        endpoint=f"{SERVER}/api/v1/otlp/v1/traces",
        headers={"Authorization": f"Bearer {KEY}"},
        compression=Compression.Gzip,
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))  # the inner span goes first, alone
    trace.set_tracer_provider(provider)
    trace_calls(provider)

gpt = openai.OpenAI(api_key="k", base_url=f"{VENDORS}/v1")
claude = anthropic.Anthropic(api_key="k", base_url=VENDORS)
with tallybook.Tallybook(KEY, base_url=SERVER) as client:
    if "wrap" in WAYS:
        tallybook.wrap(gpt, tallybook=client)
        tallybook.wrap(claude, tallybook=client)
    messages = [{"role": "user", "content": "hi"}]
    with tallybook.attribute(customer="acme", agent="bot"):
        chat = gpt.chat.completions.create(model="gpt-4o", messages=messages)
        message = claude.messages.create(
            model="claude-3-5-sonnet-20241022", max_tokens=10, messages=messages
        )
    if "direct" in WAYS:
        for vendor, answer, tokens in (
            ("openai", chat, from_openai(chat.usage)),
            ("anthropic", message, from_anthropic(message.usage)),
        ):
            client.costs.create(
                customer_external_id="acme",
                agent="bot",
                provider=vendor,
                model=answer.model,
                response_id=answer.id,
                tokens=tokens,
            )
