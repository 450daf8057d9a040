"""What is done to a verb: any of them can answer an APIResponse. A page already iterates.

Not generated: `_async/verbs.py` is the other form.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from tallybook.client.responses import APIResponse, ask_raw, told_raw

from .pages import Page

P = ParamSpec("P")
T = TypeVar("T")


def listing(verb: Callable[P, Page[T]]) -> Callable[P, Page[T]]:
    """Return the verb: its page iterates over all items."""
    return verb


def raw(verb: Callable[P, T]) -> Callable[P, APIResponse[T]]:
    """Return the verb so that it answers an APIResponse; errors are raised all the same."""

    @wraps(verb)
    def answer(*args: P.args, **kwargs: P.kwargs) -> APIResponse[T]:
        ask_raw(kwargs)
        return told_raw(verb(*args, **kwargs))

    return answer
