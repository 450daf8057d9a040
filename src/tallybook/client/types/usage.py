"""The dicts and results of usage."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict

from tallybook.client.encoding import DecimalInput, Json
from tallybook.client.responses import Result
from tallybook.wire import events as wire


class UsageInput(TypedDict, total=False):
    """One use of something: one name of the customer, and a meter or an agent, are needed."""

    customer_id: str
    customer_external_id: str
    meter: str
    quantity: DecimalInput
    timestamp: datetime | str
    subscription_id: str
    agent: str
    action_type: wire.ActionType
    attributes: Mapping[str, Json]
    metadata: Mapping[str, Json]
    idempotency_key: str


class UsageEvent(Result, wire.UsageEvent):
    """A stored event."""


class BatchResult(Result, wire.BatchResult):
    """What became of a batch; `results` tells it item by item."""


class ReplayResult(Result, wire.ReplayResult):
    """What became of unmatched events."""

    def plus(self, part: "ReplayResult") -> "ReplayResult":
        """Return this and a further part as one."""
        return part.model_copy(
            update={
                "matched": self.matched + part.matched,
                "unmatched": self.unmatched + part.unmatched,
                "duplicates": self.duplicates + part.duplicates,
            }
        )


class AggregatedUsage(Result, wire.AggregatedUsage):
    """Usage added up over [start, end)."""
