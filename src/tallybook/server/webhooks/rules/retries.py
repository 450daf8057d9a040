"""When a delivery is tried again, and when an endpoint is given up."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from tallybook.server.webhooks.models import DisabledReason, Outcome

# Ten attempts over 75 h 35 min: the schedule that Standard Webhooks recommends.
DELAYS_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
JITTER: Final = 0.2  # of a delay, up or down
RETRY_AFTER_S_MAX: Final = 86_400
GIVE_UP_AFTER: Final = timedelta(days=5)
GONE: Final = 410


def next_attempt(outcome: Outcome, *, tries: int, chance: float, now: datetime) -> datetime | None:
    """Return when to try again after the `tries`-th attempt failed, None where it was the last.

    Units: `chance` is from 0 to 1, at random. Source: docs/webhooks.md.
    """
    if tries > len(DELAYS_S):
        return None
    delay_s = DELAYS_S[tries - 1] * (1 - JITTER + 2 * JITTER * chance)
    return now + timedelta(seconds=max(delay_s, outcome.retry_after_s or 0))


def give_up(
    outcome: Outcome, *, failing_since: datetime | None, now: datetime
) -> DisabledReason | None:
    """Return why an endpoint is disabled after a failed attempt, or None."""
    if outcome.status_code == GONE:
        return DisabledReason.GONE
    if failing_since is not None and now - failing_since >= GIVE_UP_AFTER:
        return DisabledReason.ONLY_FAILURES
    return None


def parse_retry_after(text: str | None, now: datetime) -> int | None:
    """Read a Retry-After header: seconds, or a date; None where there is nothing to read."""
    if text is None or len(text) > 64:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(int(text), RETRY_AFTER_S_MAX)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return max(0, min(int((at - now).total_seconds()), RETRY_AFTER_S_MAX))
