"""Traces into costs: each call of a model once, however many report it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tallybook.server.catalog import service as catalog
from tallybook.server.costs import record
from tallybook.server.costs.models import Attribution, Cost, Source
from tallybook.server.customers import service as customers
from tallybook.server.identity.models import Space
from tallybook.server.storage import Tx

from .formats.otlp import Span
from .rules.spans import Whose, costed, use_of, whose


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the spans of a request."""

    spans: int
    costs: int
    duplicates: int
    enclosing: int  # calls that turned out to enclose one that is counted


def take(
    tx: Tx, space: Space, spans: Sequence[Span], *, now: datetime, received_at: datetime
) -> Taken:
    """Store what the calls among these spans cost.

    Holds: of a call that several report, the one with the same response id is stored first and
    alone; of one that encloses another, in whichever order they come, only the inner one counts.
    """
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    calls = costed(spans)
    enclosing = record.having_children(tx, space.id, [key_of(span) for span in calls])
    kept = [span for span in calls if key_of(span) not in enclosing]
    named = {span.span_id: whose(span, by_id) for span in kept}
    found = _find(tx, space, list(named.values()))
    made = [_cost(tx, space, span, named[span.span_id], found, received_at) for span in kept]
    stored = record.record(tx, space, made, now=now)
    again = [(was, it) for it, (was, is_new) in zip(made, stored, strict=True) if not is_new]
    record.note_parents(tx, space.id, again)
    inner = [span for span in kept if span.parent_id is not None]
    parents = [_key(span.trace_id, span.parent_id) for span in inner]
    outer = record.void_keys(tx, space, parents, now=now)
    fresh = sum(is_new for _, is_new in stored)
    return Taken(len(spans), fresh, len(stored) - fresh, len(enclosing) + outer)


def key_of(span: Span) -> str:
    return _key(span.trace_id, span.span_id)


def _key(trace_id: str, span_id: str | None) -> str:
    return f"span {trace_id} {span_id}"


@dataclass(frozen=True, slots=True)
class _Found:
    customers: dict[str, str]  # by either name
    agents: dict[str, str]
    actions: dict[tuple[str, str], str]


def _find(tx: Tx, space: Space, named: Sequence[Whose]) -> _Found:
    refs = {one.customer for one in named if one.customer is not None}
    ids, external = customers.find_ids(tx, space.id, ids=refs, external_ids=refs)
    agents: dict[str, str] = {}
    for ref in sorted({one.agent for one in named if one.agent is not None}):
        agent = catalog.find_agent(tx, space.id, ref)
        if agent is not None:
            agents[ref] = agent.id
    actions: dict[tuple[str, str], str] = {}
    if agents and any(one.action for one in named):
        for action in catalog.list_actions(tx, space.id, agent_ids=set(agents.values())):
            actions[action.agent_id, action.id] = action.id
            actions[action.agent_id, action.billable_meter.key] = action.id
    return _Found({**{one: one for one in ids}, **external}, agents, actions)


def _cost(
    tx: Tx, space: Space, span: Span, named: Whose, found: _Found, received_at: datetime
) -> Cost:
    use, reason = use_of(span)
    customer_id = found.customers.get(named.customer or "")
    agent_id = found.agents.get(named.agent or "")
    place = record.Place(
        at=span.at,
        received_at=received_at,
        customer_id=customer_id,
        customer_external_id=None if customer_id else named.customer,
        agent_id=agent_id,
        action_id=found.actions.get((agent_id or "", named.action or "")),
        attribution=named.attribution if customer_id else Attribution.NONE,
    )
    told = {"trace_id": span.trace_id, "span_id": span.span_id, "name": span.name[:255]}
    made = record.make(
        tx,
        space.id,
        key_of(span),
        place,
        amount=span.cost,
        source=Source.SPAN,
        use=use,
        reason=reason if span.cost is None else None,
        metadata={"span": {**told, "scope": span.scope[:255]}},
    )
    parent = None if span.parent_id is None else _key(span.trace_id, span.parent_id)
    return replace(made, parent_key=parent)
