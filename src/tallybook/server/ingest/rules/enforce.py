"""Which events a limit keeps out, in projects that have it enforced as events come in.

Source: semantics, choice 5; docs/events.md#limits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tallybook.server.ingest.models import Counted
from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.metering.models import Aggregation, CounterKey, Tally
from tallybook.server.metering.rules import tally as tallies
from tallybook.server.rating.models import Overage


def is_limited(event: Counted) -> bool:
    return event.quota is not None and event.quota.terms.shape.overage is Overage.DENY


def refused(
    events: Sequence[Counted],
    before: Mapping[CounterKey, Tally],
    *,
    earlier: Mapping[CounterKey, Decimal],
    members: Mapping[CounterKey, frozenset[str]],
) -> set[int]:
    """Return the positions of the events that would go past a limit that denies overage.

    Events are taken in order, each whole or not at all; one that is refused leaves room for a
    smaller one. `members` are those of a unique_count counter that it knows already.
    Holds: without the refused, no limit is passed that was not passed before.
    """
    used: dict[CounterKey, _Used] = {}
    out: set[int] = set()
    for event in events:
        if event.quota is None or not is_limited(event):
            continue
        key = event.quota.counter
        state = used.get(key) or _Used(before[key], set(members.get(key, ())))
        after = state.with_event(event)
        figure = EXACT.add(after.tally.figure(event.aggregation), earlier.get(key, ZERO))
        if figure > event.quota.limit:
            out.add(event.position)
        else:
            used[key] = after
    return out


@dataclass(frozen=True, slots=True)
class _Used:
    tally: Tally
    members: set[str] = field(default_factory=set)

    def with_event(self, event: Counted) -> "_Used":
        if event.aggregation is not Aggregation.UNIQUE_COUNT:
            assert event.value is not None
            return _Used(tallies.add(self.tally, event.value, event.at), self.members)
        assert event.member is not None
        is_fresh = event.member not in self.members
        tally = tallies.add_members(self.tally, fresh=int(is_fresh), events=1)
        return _Used(tally, self.members | {event.member})
