"""Streams of a vendor, watched as they pass. They behave as the vendor's own."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol

from .usage import Used, field, from_anthropic, from_openai

logger = logging.getLogger("tallybook")


class Watcher(Protocol):
    """Looks at the parts of a stream."""

    used: Used
    done: bool  # the usage has come

    def see(self, part: Any) -> bool:
        """Look at a part; return whether the caller sees it."""
        ...


class ChatWatcher:
    """OpenAI's chunks. The one with the usage was asked for by us, unless `asked_for`."""

    def __init__(self, used: Used, *, asked_for: bool) -> None:
        self.used, self.done, self._asked_for = used, False, asked_for

    def see(self, part: Any) -> bool:
        self.used.response_id = field(part, "id") or self.used.response_id
        self.used.model = field(part, "model") or self.used.model
        tokens = from_openai(field(part, "usage"))
        if tokens is None:
            return True
        self.used.tokens, self.done = tokens, True
        return self._asked_for or bool(field(part, "choices"))


class ResponsesWatcher:
    """OpenAI's response events; the last one has the response whole."""

    def __init__(self, used: Used) -> None:
        self.used, self.done = used, False

    def see(self, part: Any) -> bool:
        response = field(part, "response")
        if response is not None:
            self.used.response_id = field(response, "id") or self.used.response_id
            self.used.model = field(response, "model") or self.used.model
            tokens = from_openai(field(response, "usage"))
            if tokens is not None:
                self.used.tokens, self.done = tokens, True
        return True


class MessageWatcher:
    """Anthropic's message events; usage comes first in part, and is whole at the end."""

    def __init__(self, used: Used) -> None:
        self.used, self.done = used, False
        self._usage: dict[str, Any] = {}

    def see(self, part: Any) -> bool:
        kind = field(part, "type")
        if kind == "message_start":
            message = field(part, "message")
            self.used.response_id = field(message, "id")
            self.used.model = field(message, "model") or self.used.model
            self._join(field(message, "usage"))
        elif kind == "message_delta":
            self._join(field(part, "usage"))
            self.used.tokens, self.done = from_anthropic(self._usage), True
        return True

    def _join(self, usage: Any) -> None:
        """Take the numbers over; what a later one leaves out stays."""
        for name in (
            "input_tokens",
            "output_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "cache_creation",
        ):
            value = field(usage, name)
            if value is not None:
                self._usage[name] = value


class _Watched:
    """A stream with a watcher; told once, whole or broken off."""

    def __init__(self, stream: Any, watcher: Watcher, tell: Callable[[Used], None]) -> None:
        self._stream, self._watcher, self._tell_used = stream, watcher, tell
        self._told = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _see(self, part: Any) -> bool:
        try:
            return self._watcher.see(part)
        except Exception:  # the caller's stream goes on
            logger.exception("a part of a model's stream could not be read")
            return True

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            if not self._watcher.done:
                self._watcher.used.tokens = None
            self._tell_used(self._watcher.used)

    def __del__(self) -> None:
        if "_told" in self.__dict__:  # dropped without its end
            self._tell()


class WatchedStream(_Watched):
    """A stream of a blocking client."""

    def __iter__(self) -> Iterator[Any]:
        try:
            for part in self._stream:
                if self._see(part):
                    yield part
        finally:
            self._tell()

    def __next__(self) -> Any:
        while True:
            try:
                part = next(self._stream)
            except BaseException:
                self._tell()
                raise
            if self._see(part):
                return part

    def __enter__(self) -> "WatchedStream":
        self._stream.__enter__()
        return self

    def __exit__(self, *why: Any) -> Any:
        try:
            return self._stream.__exit__(*why)
        finally:
            self._tell()

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._tell()


class WatchedAsyncStream(_Watched):
    """A stream of an asyncio client."""

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for part in self._stream:
                if self._see(part):
                    yield part
        finally:
            self._tell()

    async def __anext__(self) -> Any:
        while True:
            try:
                part = await self._stream.__anext__()
            except BaseException:
                self._tell()
                raise
            if self._see(part):
                return part

    async def __aenter__(self) -> "WatchedAsyncStream":
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *why: Any) -> Any:
        try:
            return await self._stream.__aexit__(*why)
        finally:
            self._tell()

    async def close(self) -> None:
        try:
            await self._stream.close()
        finally:
            self._tell()


class WatchedManager:
    """Anthropic's `with client.messages.stream(…) as stream`: told when it is left."""

    def __init__(self, manager: Any, used: Used, tell: Callable[[Used], None]) -> None:
        self._manager, self._used, self._tell_used = manager, used, tell
        self._stream: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)

    def __enter__(self) -> Any:
        self._stream = self._manager.__enter__()
        return self._stream

    def __exit__(self, *why: Any) -> Any:
        try:
            return self._manager.__exit__(*why)
        finally:
            self._tell()

    async def __aenter__(self) -> Any:
        self._stream = await self._manager.__aenter__()
        return self._stream

    async def __aexit__(self, *why: Any) -> Any:
        try:
            return await self._manager.__aexit__(*why)
        finally:
            self._tell()

    def _tell(self) -> None:
        try:
            message = self._stream.current_message_snapshot
        except Exception:  # noqa: BLE001 - nothing came before it was left
            message = None
        if message is not None:
            self._used.response_id = field(message, "id")
            self._used.model = field(message, "model") or self._used.model
            if field(message, "stop_reason") is not None:
                self._used.tokens = from_anthropic(field(message, "usage"))
        self._tell_used(self._used)
