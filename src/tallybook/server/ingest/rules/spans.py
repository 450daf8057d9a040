"""Which spans cost, whose they are, and what they used.

Source: costs.md, pitfalls 1, 2, 4 and 11; docs/llm.md#traces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tallybook.server.costs.models import Attribution, ModelUse
from tallybook.server.costs.rules.buckets import Ambiguous, from_total
from tallybook.server.ingest.formats.otlp import (
    ACTION,
    AGENT,
    CACHE_READ,
    CACHE_WRITE,
    CACHE_WRITE_1H,
    CUSTOMER,
    INPUT,
    MODEL,
    OUTPUT,
    PROVIDER,
    Span,
)


@dataclass(frozen=True, slots=True)
class Whose:
    """Names, as spans give them: nothing is known to exist yet."""

    customer: str | None
    agent: str | None
    action: str | None
    attribution: Attribution


def costed(spans: Sequence[Span]) -> list[Span]:
    """Return the calls of models: of two of which one encloses the other, the inner one."""
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    calls = [span for span in by_id.values() if span.is_inference]
    outer: set[tuple[str, str]] = set()
    for span in calls:
        for above in ancestors(span, by_id):
            outer.add((above.trace_id, above.span_id))
    return [span for span in calls if (span.trace_id, span.span_id) not in outer]


def ancestors(span: Span, by_id: Mapping[tuple[str, str], Span]) -> list[Span]:
    """Return what encloses a span, the nearest first, as far as it is known here."""
    found: list[Span] = []
    seen = {span.span_id}
    parent = span.parent_id
    while parent is not None and parent not in seen:
        seen.add(parent)
        above = by_id.get((span.trace_id, parent))
        if above is None:
            break
        found.append(above)
        parent = above.parent_id
    return found


def whose(span: Span, by_id: Mapping[tuple[str, str], Span]) -> Whose:
    """Return who a span is attributed to: it says so, or what encloses it does (inferred)."""
    customer, agent, action = (span.own_text(names) for names in (CUSTOMER, AGENT, ACTION))
    told = Attribution.EXPLICIT if customer is not None else Attribution.NONE
    for above in ancestors(span, by_id):
        if customer is None and (customer := above.own_text(CUSTOMER)) is not None:
            told = Attribution.INFERRED
        agent = agent or above.own_text(AGENT)
        action = action or above.own_text(ACTION)
    if customer is None and (customer := span.text(CUSTOMER)) is not None:
        told = Attribution.EXPLICIT
    return Whose(customer, agent or span.text(AGENT), action or span.text(ACTION), told)


def use_of(span: Span) -> tuple[ModelUse, str | None]:
    """Return what a call used, and why its tokens cannot be told apart, if they cannot."""
    tokens, reason = None, None
    total, output = span.count(INPUT), span.count(OUTPUT)
    if total is not None or output is not None:
        hour = span.count(CACHE_WRITE_1H) or 0
        try:
            tokens = from_total(
                total_input=total or 0,
                output=output or 0,
                cache_read=span.count(CACHE_READ) or 0,
                write_5m=max(0, (span.count(CACHE_WRITE) or 0) - hour),
                write_1h=hour,
            )
        except Ambiguous:
            reason = "cache_exceeds_input"
    provider = span.own_text(PROVIDER) or "unknown"
    model = span.own_text(MODEL) or "unknown"
    return ModelUse(provider, model, tokens, span.response_id), reason
