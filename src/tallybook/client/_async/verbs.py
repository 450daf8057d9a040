"""What is done to a verb: lists iterate at once, and any verb can answer an APIResponse.

Not generated: `_sync/verbs.py` is the blocking form.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar

from tallybook.client.responses import APIResponse, ask_raw, told_raw

from .pages import AsyncPage

P = ParamSpec("P")
T = TypeVar("T")


class Listing(Generic[T]):
    """A list not asked for yet: `await` gives its first page, `async for` all its items."""

    def __init__(self, ask: Callable[[], Awaitable[AsyncPage[T]]]) -> None:
        self._ask = ask

    def __await__(self) -> Generator[Any, None, AsyncPage[T]]:
        return self._ask().__await__()

    async def __aiter__(self) -> AsyncIterator[T]:
        async for item in await self._ask():
            yield item


def listing(verb: Callable[P, Awaitable[AsyncPage[T]]]) -> Callable[P, Listing[T]]:
    """Let the caller of a list choose between its first page and all its items."""

    @wraps(verb)
    def ask(*args: P.args, **kwargs: P.kwargs) -> Listing[T]:
        return Listing(lambda: verb(*args, **kwargs))

    return ask


def raw(verb: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, APIResponse[T]]]:
    """Return the verb so that it answers an APIResponse; errors are raised all the same."""

    @wraps(verb)
    async def answer(*args: P.args, **kwargs: P.kwargs) -> APIResponse[T]:
        ask_raw(kwargs)
        return told_raw(await verb(*args, **kwargs))

    return answer
