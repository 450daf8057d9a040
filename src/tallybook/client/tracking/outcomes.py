"""What an answer or a failure means for the events of a batch."""

from datetime import datetime

from tallybook.client.errors import APIStatusError, UnreadableResponseError
from tallybook.client.retries import is_retried
from tallybook.client.retry_after import parse_retry_after

from .models import Failed

_ONE_MAY_BE_BAD = frozenset({400, 413, 422})


def outcome_of(error: Exception, now: datetime) -> Failed:
    """Return what a failed request means.

    An answer that cannot be read may be of any server on the way; what broke on this side may
    have been sent. Both are tried again: the keys of the events stop a second count.
    """
    if not isinstance(error, APIStatusError):
        return Failed(error, "later")
    retry_after_s = parse_retry_after(error.response.headers, now)
    if isinstance(error, UnreadableResponseError) or is_retried(error):
        return Failed(error, "later", retry_after_s)
    return Failed(error, "smaller" if error.status_code in _ONE_MAY_BE_BAD else "refused")
