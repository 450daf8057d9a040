"""What a server's headers say about when to come back."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx2

_SECONDS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_QUOTA: Final = re.compile(r";\s*q=([0-9]{1,18})")
_REMAINING: Final = re.compile(r";\s*r=([0-9]{1,18})")


def parse_retry_after(headers: httpx2.Headers, now: datetime | None = None) -> float | None:
    """Return the seconds to wait that `Retry-After` names, as a number or as an HTTP date."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    if at.tzinfo is None:  # "-0000": UTC, of unknown place
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())


def rate_limit_numbers(
    headers: httpx2.Headers, problem: Mapping[str, Any]
) -> tuple[int | None, int | None]:
    """Return how many calls are allowed, and how many are left."""
    limit = problem.get("limit")
    remaining = problem.get("remaining")
    return (
        limit if isinstance(limit, int) else _number(_QUOTA, headers, "ratelimit-policy"),
        remaining if isinstance(remaining, int) else _number(_REMAINING, headers, "ratelimit"),
    )


def _number(pattern: re.Pattern[str], headers: httpx2.Headers, name: str) -> int | None:
    match = pattern.search(headers.get(name, ""))
    return int(match.group(1)) if match else None
