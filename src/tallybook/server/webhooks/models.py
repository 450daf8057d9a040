"""Facts about endpoints and what was sent to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from tallybook.server.kernel.ids import SpaceId


class EndpointStatus(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"


class DisabledReason(StrEnum):
    GONE = "gone"  # it answered 410
    ONLY_FAILURES = "only_failures"
    BY_USER = "by_user"


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # given up


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing secret; `expires_at` is None for the newest one."""

    value: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL that wants events; `events` of None means all."""

    id: str
    url: str
    events: tuple[str, ...] | None
    description: str | None
    status: EndpointStatus
    disabled_reason: DisabledReason | None
    disabled_at: datetime | None
    failing_since: datetime | None  # the first failure after the last success
    secrets: tuple[Secret, ...]  # the newest first
    created_at: datetime
    updated_at: datetime

    def wants(self, event: str) -> bool:
        return self.events is None or event in self.events


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST. `status_code` is None where no answer came."""

    id: str
    delivery_id: str
    number: int
    started_at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None
    response_text: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for one endpoint."""

    id: str
    endpoint_id: str
    message_id: str
    event: str
    status: DeliveryStatus
    tries: int  # since it was made, or last replayed
    next_attempt_at: datetime | None
    created_at: datetime
    completed_at: datetime | None
    attempts: Sequence[Attempt] = ()


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this process may post, until its lease runs out."""

    space: SpaceId
    delivery_id: str
    endpoint_id: str
    message_id: str
    fence: int
    tries: int
    attempts: int  # ever made
    url: str
    secrets: tuple[str, ...]
    envelope: Mapping[str, Any] | None  # None: the message is no longer kept


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one POST ended."""

    started_at: datetime
    duration_ms: int
    status_code: int | None = None
    error: str | None = None
    response_text: str | None = None
    retry_after_s: int | None = None

    @property
    def is_success(self) -> bool:
        return self.error is None and self.status_code is not None and self.status_code // 100 == 2
