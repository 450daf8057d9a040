"""Whether to try again, and when."""

from datetime import datetime
from typing import Final

from .errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    IdempotencyInProgressError,
)
from .retry_after import parse_retry_after

FIRST_DELAY_S: Final = 0.5
DELAY_S_MAX: Final = 8.0
JITTER: Final = 0.25  # how much of a delay chance may take away
RETRY_AFTER_S_MAX: Final = 120.0
RETRIED_STATUSES: Final = frozenset({408, 429})


def is_retried(failure: APIError) -> bool:
    """Return whether the same call may succeed later."""
    if isinstance(failure, APIConnectionError | IdempotencyInProgressError):
        return True
    if isinstance(failure, APIStatusError):
        return failure.status_code in RETRIED_STATUSES or failure.status_code >= 500
    return False


def backoff_s(retries_done: int, chance: float) -> float:
    """Return the seconds to wait before the next try; `chance` lies in 0 to 1."""
    delay = min(FIRST_DELAY_S * 2.0 ** min(retries_done, 10), DELAY_S_MAX)
    return delay * (1 - JITTER * chance)


def next_delay_s(
    failure: APIError, *, retries_done: int, max_retries: int, chance: float, now: datetime
) -> float | None:
    """Return the seconds to wait before the next try; None to give up.

    What the server asks for wins, and a server that asks for more than two minutes is not
    waited for.
    """
    if retries_done >= max_retries or not is_retried(failure):
        return None
    if isinstance(failure, APIStatusError):
        asked = parse_retry_after(failure.response.headers, now)
        if asked is not None:
            return asked if asked <= RETRY_AFTER_S_MAX else None
    return backoff_s(retries_done, chance)
