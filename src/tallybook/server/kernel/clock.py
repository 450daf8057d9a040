"""The only clock. Rules take `at` or `now` as an argument; edges ask here."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """Return the real time, aware, UTC."""
    return datetime.now(UTC)


def to_micros(at: datetime) -> int:
    """Return microseconds since 1970 (UTC): how times are stored."""
    if at.tzinfo is None:
        raise ValueError("naive datetime")
    span = at - EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def from_micros(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)
