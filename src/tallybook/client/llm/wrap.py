"""Clients of model vendors that tell what each of their calls used.

Only the methods of the one client that is given are replaced; nothing is imported, and nothing
of ours can break a call: what goes wrong here is logged.
"""

import inspect
import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, Protocol, TypeVar, cast

from tallybook.client.errors import ConfigurationError

from .context import attributed
from .streams import (
    ChatWatcher,
    MessageWatcher,
    ResponsesWatcher,
    WatchedAsyncStream,
    WatchedManager,
    WatchedStream,
    Watcher,
)
from .usage import Tokens, Used, field, from_anthropic, from_openai

logger = logging.getLogger("tallybook")
C = TypeVar("C")
_RAW: Final = "x-stainless-raw-response"
_MARK: Final = "_tallybook_wrapped"
_OPENAI: Final[Mapping[str, tuple[str, ...]]] = {
    "chat.completions": ("create", "parse"),
    "completions": ("create",),
    "responses": ("create", "parse"),
    "embeddings": ("create",),
}
_ANTHROPIC: Final[Mapping[str, tuple[str, ...]]] = {
    "messages": ("create", "parse"),
    "beta.messages": ("create", "parse"),
}
_STREAM_MANAGERS: Final = ("messages", "beta.messages")


class CostSink(Protocol):
    """What takes costs: a Tallybook client of either form."""

    def track_cost(self, **cost: Any) -> None: ...


def wrap(
    client: C,
    *,
    tallybook: CostSink | None = None,
    provider: str | None = None,
    embeddings: bool = True,
) -> C:
    """Let a client of `openai` or `anthropic` tell what its calls cost; return the same client.

    Blocking and asyncio clients, plain and streamed calls, chat, responses, messages and
    embeddings. Costs go to `tallybook`, else to a client made from the environment, with what
    `attribute` says at the time of the call. `provider` names another vendor with the same API;
    without it, it is the library's. A stream that breaks off is told with its usage unknown.
    With `embeddings=False` these are left to traces: having no id, they would count twice.
    Errors: TypeError (neither of these libraries); ConfigurationError.
    """
    library = type(client).__module__.partition(".")[0]
    if getattr(client, _MARK, False):
        return client
    if library == "openai":
        is_azure = "azure" in type(client).__name__.lower()
        name, places = provider or ("azure" if is_azure else "openai"), _OPENAI
    elif library == "anthropic":
        name, places = provider or _anthropic_at(type(client).__name__), _ANTHROPIC
    else:
        raise TypeError(
            f"cannot wrap {type(client).__name__}: it is of neither openai nor anthropic"
        )
    meter = _Meter(name, library, tallybook or _default_sink())
    for place, verbs in places.items():
        if place == "embeddings" and not embeddings:
            continue
        resource = _find(client, place)
        for verb in verbs:
            _replace(resource, verb, meter.metered)
        if place in _STREAM_MANAGERS and library == "anthropic":
            _replace(resource, "stream", meter.managed)
    for copier in ("with_options", "copy"):
        _replace(client, copier, lambda make: _rewrapping(make, meter.sink, provider, embeddings))
    object.__setattr__(client, _MARK, True)
    return client


def _anthropic_at(kind: str) -> str:
    lowered = kind.lower()
    return "aws" if "bedrock" in lowered else "google" if "vertex" in lowered else "anthropic"


def _default_sink() -> CostSink:
    from tallybook.client import Tallybook

    global _sink  # noqa: PLW0603 - one queue for the process
    if _sink is None:
        try:
            _sink = cast("CostSink", Tallybook())
        except ConfigurationError as error:
            raise ConfigurationError(f"{error}; or give wrap(…, tallybook=client)") from None
    return _sink


_sink: CostSink | None = None


def _find(client: Any, place: str) -> Any:
    found = client
    for name in place.split("."):
        found = getattr(found, name, None)
    return found


def _replace(owner: Any, name: str, change: Callable[[Any], Any]) -> None:
    original = getattr(owner, name, None)
    if callable(original):
        object.__setattr__(owner, name, change(original))


def _rewrapping(make: Any, sink: CostSink, provider: str | None, embeddings: bool) -> Any:
    @wraps(make)
    def again(*args: Any, **kwargs: Any) -> Any:
        made = make(*args, **kwargs)
        return wrap(made, tallybook=sink, provider=provider, embeddings=embeddings)

    return again


class _Meter:
    """Replaces verbs of one client."""

    def __init__(self, provider: str, library: str, sink: CostSink) -> None:
        self.provider, self.library, self.sink = provider, library, sink

    def metered(self, call: Any) -> Any:
        """Return a verb that also tells what it used."""
        module = str(getattr(call, "__module__", ""))
        kind = "responses" if ".responses" in module else self.library
        takes_usage = kind == "openai" and "embeddings" not in module

        def prepare(kwargs: dict[str, Any]) -> tuple[Used, dict[str, str], bool]:
            used = Used(self.provider, str(kwargs.get("model") or "unknown"))
            asked_for = True
            if kwargs.get("stream") is True and takes_usage:
                options = kwargs.get("stream_options")
                options = dict(options) if isinstance(options, Mapping) else {}
                asked_for = bool(options.get("include_usage"))
                kwargs["stream_options"] = {**options, "include_usage": True}
            return used, attributed(), asked_for

        if inspect.iscoroutinefunction(call):

            @wraps(call)
            async def answer_async(*args: Any, **kwargs: Any) -> Any:
                used, whose, asked_for = prepare(kwargs)
                result = await call(*args, **kwargs)
                watched = WatchedAsyncStream
                return self._see(result, _watcher(kind, used, asked_for), whose, kwargs, watched)

            return answer_async

        @wraps(call)
        def answer(*args: Any, **kwargs: Any) -> Any:
            used, whose, asked_for = prepare(kwargs)
            result = call(*args, **kwargs)
            if inspect.isawaitable(result):  # an asyncio client behind a plain decorator
                return self._later(result, _watcher(kind, used, asked_for), whose, kwargs)
            return self._see(result, _watcher(kind, used, asked_for), whose, kwargs, WatchedStream)

        return answer

    def managed(self, call: Any) -> Any:
        """Return Anthropic's `stream`, whose manager tells what was used when it is left."""

        @wraps(call)
        def answer(*args: Any, **kwargs: Any) -> Any:
            used, whose = Used(self.provider, str(kwargs.get("model") or "unknown")), attributed()
            manager = call(*args, **kwargs)
            return WatchedManager(manager, used, lambda seen: self._tell(seen, whose))

        return answer

    async def _later(
        self, result: Any, watcher: Watcher, whose: dict[str, str], kwargs: Mapping[str, Any]
    ) -> Any:
        return self._see(await result, watcher, whose, kwargs, WatchedAsyncStream)

    def _see(
        self,
        result: Any,
        watcher: Watcher,
        whose: dict[str, str],
        kwargs: Mapping[str, Any],
        watched: type[WatchedStream] | type[WatchedAsyncStream],
    ) -> Any:
        used = watcher.used
        try:
            if _is_raw(kwargs):
                self._see_raw(result, used, whose, kwargs)
                return result
            if kwargs.get("stream") is True:
                return watched(result, watcher, lambda seen: self._tell(seen, whose))
            self._read(result, used)
        except Exception:
            logger.exception("a model call could not be metered")
        self._tell(used, whose)
        return result

    def _see_raw(
        self, result: Any, used: Used, whose: dict[str, str], kwargs: Mapping[str, Any]
    ) -> None:
        """Read an answer that the caller parses itself; a streamed one passes us by."""
        marker = {str(k).lower(): v for k, v in (kwargs.get("extra_headers") or {}).items()}[_RAW]
        if marker == "true" and kwargs.get("stream") is not True:
            parsed = result.parse()
            if not inspect.isawaitable(parsed):
                self._read(parsed, used)
            else:
                parsed.close()  # type: ignore[attr-defined]
        self._tell(used, whose)

    def _read(self, result: Any, used: Used) -> None:
        used.response_id = field(result, "id")
        used.model = field(result, "model") or used.model
        usage = field(result, "usage")
        read: Callable[[Any], Tokens | None]
        read = from_anthropic if self.library == "anthropic" else from_openai
        used.tokens = read(usage)

    def _tell(self, used: Used, whose: Mapping[str, str]) -> None:
        try:
            told = {"response_id": used.response_id} if used.response_id else {}
            self.sink.track_cost(
                provider=used.provider, model=used.model, tokens=used.tokens, **told, **whose
            )
        except Exception:
            logger.exception("the cost of a model call was not taken")


def _watcher(kind: str, used: Used, asked_for: bool) -> Watcher:
    if kind == "anthropic":
        return MessageWatcher(used)
    return ResponsesWatcher(used) if kind == "responses" else ChatWatcher(used, asked_for=asked_for)


def _is_raw(kwargs: Mapping[str, Any]) -> bool:
    headers = kwargs.get("extra_headers") or {}
    return isinstance(headers, Mapping) and _RAW in {str(name).lower() for name in headers}
