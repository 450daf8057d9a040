"""OTLP traces, as far as they tell what model calls used. Prompts and answers are never kept.

Source: OTLP 1.x (protobuf, and JSON, whose ids are hex: no generic reader of protobuf's JSON does
that), OpenTelemetry's gen_ai conventions, OpenInference, OpenLLMetry.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from tallybook.server.ingest.errors import MalformedTraces, TracesTooLarge
from tallybook.wire.decimals import to_decimal

ALIASES_VERSION: Final = "2026-11"
INFLATED_MAX: Final = 32 << 20
SPANS_MAX: Final = 10_000
_NUMBER_MAX: Final = 10**12

# The first name that is there counts. Newer conventions first.
PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
MODEL: Final = (
    "gen_ai.response.model",
    "gen_ai.request.model",
    "llm.response.model",
    "llm.model_name",
    "llm.request.model",
    "embedding.model_name",
)
RESPONSE_ID: Final = ("gen_ai.response.id", "llm.response.id")
INPUT: Final = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
    "llm.usage.prompt_tokens",
)
OUTPUT: Final = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
    "llm.usage.completion_tokens",
)
CACHE_READ: Final = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_read",
    "llm.usage.cache_read_input_tokens",
)
CACHE_WRITE: Final = (
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "llm.token_count.prompt_details.cache_write",
    "llm.usage.cache_creation_input_tokens",
)
CACHE_WRITE_1H: Final = ("anthropic.usage.cache_creation.ephemeral_1h_input_tokens",)
COST: Final = ("gen_ai.usage.cost", "llm.cost.total")
CUSTOMER: Final = ("tallybook.customer", "customer.id", "customer.external_id")
AGENT: Final = ("tallybook.agent", "gen_ai.agent.id", "gen_ai.agent.name", "agent.name")
ACTION: Final = ("tallybook.action",)
_OPERATIONS: Final = frozenset({"chat", "text_completion", "generate_content", "embeddings"})
_REQUEST_TYPES: Final = frozenset({"chat", "completion", "embedding"})
_KINDS: Final = frozenset({"LLM", "EMBEDDING"})


@dataclass(frozen=True, slots=True)
class Span:
    """One span, with the attributes that are texts, numbers or booleans."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    scope: str
    at: datetime
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any] = field(default_factory=dict)

    def first(self, names: Sequence[str]) -> Any:
        return next((v for n in names if (v := self.attributes.get(n)) is not None), None)

    def text(self, names: Sequence[str]) -> str | None:
        value = self.first(names)
        if value is None:
            value = next((v for n in names if (v := self.resource.get(n)) is not None), None)
        return str(value)[:255] if value not in (None, "") else None

    def own_text(self, names: Sequence[str]) -> str | None:
        value = self.first(names)
        return str(value)[:255] if value not in (None, "") else None

    def count(self, names: Sequence[str]) -> int | None:
        value = self.first(names)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return int(value) if 0 <= value <= _NUMBER_MAX else None

    @property
    def is_inference(self) -> bool:
        """Whether it is a call of a model itself: what encloses such calls repeats their usage."""
        operation = self.attributes.get("gen_ai.operation.name")
        kind = self.attributes.get("openinference.span.kind")
        if kind is not None:
            return str(kind).upper() in _KINDS
        if operation is not None:
            return str(operation) in _OPERATIONS
        return self.attributes.get("llm.request.type") in _REQUEST_TYPES

    @property
    def response_id(self) -> str | None:
        """The vendor's id of the answer; OpenInference has it in the answer alone."""
        told = self.own_text(RESPONSE_ID)
        answer = self.attributes.get("output.value")
        if told is not None or not isinstance(answer, str) or not answer.startswith("{"):
            return told
        try:
            found = msgspec.json.decode(answer)
        except (msgspec.DecodeError, RecursionError):
            return None
        inside = found.get("id") if isinstance(found, dict) else None
        return inside[:255] if isinstance(inside, str) and inside else None

    @property
    def cost(self) -> Decimal | None:
        """What the provider said that it cost, in USD."""
        value = self.first(COST)
        if value is None:
            return None
        try:
            amount = to_decimal(value if isinstance(value, str | int) else repr(value))
        except ValueError:
            return None
        return amount if amount >= 0 else None


def read(body: bytes, content_type: str, encoding: str) -> list[Span]:
    """Return the spans of a request. Errors: MalformedTraces; TracesTooLarge."""
    body = _inflated(body, encoding)
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        found = list(_from_json(body))
    elif kind in ("application/x-protobuf", "application/protobuf"):
        found = list(_from_protobuf(body))
    else:
        raise MalformedTraces(reason="send application/x-protobuf or application/json")
    if len(found) > SPANS_MAX:
        raise TracesTooLarge(limit=f"{SPANS_MAX} spans")
    return found


def _inflated(body: bytes, encoding: str) -> bytes:
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise MalformedTraces(reason=f"the encoding {encoding[:20]} is not gzip")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        whole = unpacker.decompress(body, INFLATED_MAX)
    except zlib.error:
        raise MalformedTraces(reason="it is not gzip, as it says") from None
    if unpacker.unconsumed_tail:
        raise TracesTooLarge(limit=f"{INFLATED_MAX} bytes unpacked")
    if not unpacker.eof:
        raise MalformedTraces(reason="its gzip is cut short")
    return whole


def _from_protobuf(body: bytes) -> Iterable[Span]:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service

    request = service.ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError:
        raise MalformedTraces(reason="it is not an ExportTraceServiceRequest") from None
    for group in request.resource_spans:
        resource = _attributes(group.resource.attributes)
        for part in group.scope_spans:
            for span in part.spans:
                yield Span(
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex() or None,
                    span.name,
                    part.scope.name,
                    _instant(span.start_time_unix_nano),
                    _attributes(span.attributes),
                    resource,
                )


def _attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        if kind in ("string_value", "int_value", "double_value", "bool_value"):
            found[pair.key] = getattr(pair.value, kind)
    return found


def _from_json(body: bytes) -> Iterable[Span]:
    try:
        request = msgspec.json.decode(body)
        for group in request.get("resourceSpans", ()):
            resource = _json_attributes((group.get("resource") or {}).get("attributes", ()))
            for part in group.get("scopeSpans", ()):
                scope = str((part.get("scope") or {}).get("name", ""))
                for span in part.get("spans", ()):
                    yield Span(
                        str(span["traceId"]).lower(),
                        str(span["spanId"]).lower(),
                        str(span.get("parentSpanId") or "").lower() or None,
                        str(span.get("name", "")),
                        scope,
                        _instant(int(span.get("startTimeUnixNano", 0))),
                        _json_attributes(span.get("attributes", ())),
                        resource,
                    )
    except (msgspec.DecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"it is not OTLP/JSON ({type(error).__name__})"
        raise MalformedTraces(reason=reason) from None


def _json_attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        value = pair.get("value") or {}
        if "stringValue" in value:
            found[pair["key"]] = str(value["stringValue"])
        elif "intValue" in value:
            found[pair["key"]] = int(value["intValue"])
        elif "doubleValue" in value:
            found[pair["key"]] = float(value["doubleValue"])
        elif "boolValue" in value:
            found[pair["key"]] = bool(value["boolValue"])
    return found


def _instant(nanos: int) -> datetime:
    try:
        return datetime.fromtimestamp(nanos // 1_000_000_000, UTC).replace(
            microsecond=nanos // 1_000 % 1_000_000
        )
    except (ValueError, OverflowError, OSError):
        raise MalformedTraces(reason="a span's time is out of range") from None
