"""Facts about mails."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tallybook.server.kernel.ids import SpaceId

RETRIES: Final = tuple(timedelta(minutes=m) for m in (1, 5, 30, 120, 480))
"""How long a mail waits after each attempt that failed; after the last it has failed."""


class MailKind(StrEnum):
    INVOICE = "invoice"
    REMINDER = "reminder"  # an invoice is past due


class MailStatus(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"  # no mail server was set


@dataclass(frozen=True, slots=True)
class Mail:
    id: str
    space: SpaceId
    kind: MailKind
    customer_id: str
    invoice_id: str
    recipient: str
    status: MailStatus
    attempts: int
    created_at: datetime
    sent_at: datetime | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a mail server said: None is that it took the mail."""

    error: str | None = None
    is_final: bool = False  # it would say so every time
