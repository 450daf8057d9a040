"""What a client is built with, and what a single call may change."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypedDict, get_args
from urllib.parse import urlsplit

import httpx2

from tallybook.wire.limits import BATCH_EVENTS_MAX

from .errors import ConfigurationError, DeliveryError

API_PATH: Final = "/api/v1"
DEFAULT_BASE_URL: Final = "http://127.0.0.1:8787"
DEFAULT_TIMEOUT_S: Final = 15.0
CONNECT_TIMEOUT_S: Final = 5.0
DEFAULT_MAX_RETRIES: Final = 3
DEFAULT_FLUSH_AT: Final = 20
DEFAULT_FLUSH_INTERVAL_S: Final = 10.0
DEFAULT_MAX_BATCH_SIZE: Final = 100
DEFAULT_MAX_QUEUE_SIZE: Final = 1000
DEFAULT_SHUTDOWN_TIMEOUT_S: Final = 30.0
DEFAULT_REQUEST_TIMEOUT_S: Final = 10.0

TimeoutInput = float | httpx2.Timeout | None
"""Seconds, of which at most five to connect; None waits for ever."""
Headers = Mapping[str, str]
OnError = Callable[[DeliveryError], None]
OnOverflow = Literal["drop_oldest", "drop_newest", "block", "raise"]
Redact = Callable[[dict[str, Any]], dict[str, Any] | None]
"""Is given a tracked event before it is queued; returns what may be sent, None for nothing."""


class CallOptions(TypedDict, total=False):
    """What every call accepts."""

    extra_headers: Headers | None
    timeout: TimeoutInput
    max_retries: int | None


class WriteOptions(CallOptions, total=False):
    """What every call that changes something accepts."""

    idempotency_key: str | None


class PageOptions(TypedDict, total=False):
    """Which page of a list; `page` excludes `cursor`."""

    limit: int | None
    cursor: str | None
    page: int | None
    sort: str | None
    order: Literal["asc", "desc"] | None
    include_total: bool | None


class ListOptions(PageOptions, CallOptions, total=False):
    """What every list accepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """The options of a client, checked, with what the environment adds."""

    api_key: str = field(repr=False)
    base_url: str  # an origin or a prefix, without /api/v1
    timeout: TimeoutInput = DEFAULT_TIMEOUT_S
    max_retries: int = DEFAULT_MAX_RETRIES
    disabled: bool = False
    debug: bool = False
    on_error: OnError | None = None
    default_headers: Headers = field(default_factory=dict, repr=False)
    webhook_secret: str | None = field(default=None, repr=False)
    project_id: str | None = None
    flush_at: int = DEFAULT_FLUSH_AT
    flush_interval: float = DEFAULT_FLUSH_INTERVAL_S  # 0: no timer
    max_batch_size: int = DEFAULT_MAX_BATCH_SIZE
    max_queue_size: int = DEFAULT_MAX_QUEUE_SIZE
    on_overflow: OnOverflow = "drop_oldest"
    shutdown_timeout: float = DEFAULT_SHUTDOWN_TIMEOUT_S
    request_timeout: TimeoutInput = DEFAULT_REQUEST_TIMEOUT_S  # of a batch of tracked events
    spool: str | os.PathLike[str] | None = None
    redact: Redact | None = None

    @classmethod
    def resolve(
        cls, *, api_key: str | None, base_url: str | None, webhook_secret: str | None, **rest: Any
    ) -> "ClientOptions":
        """Return the options, read from the environment where the caller gave none.

        Errors: ConfigurationError.
        """
        key = os.environ.get("TALLYBOOK_API_KEY", "") if api_key is None else api_key
        if base_url is None:
            base_url = os.environ.get("TALLYBOOK_BASE_URL") or DEFAULT_BASE_URL
        if webhook_secret is None:
            webhook_secret = os.environ.get("TALLYBOOK_WEBHOOK_SECRET") or None
        return cls(
            api_key=_clean_key(key),
            base_url=_clean_base_url(base_url),
            webhook_secret=webhook_secret,
            **rest,
        )

    def __post_init__(self) -> None:
        check_max_retries(self.max_retries)
        to_timeout(self.timeout)
        to_timeout(self.request_timeout)
        check_count("flush_at", self.flush_at)
        check_count("max_batch_size", self.max_batch_size, most=BATCH_EVENTS_MAX)
        check_count("max_queue_size", self.max_queue_size)
        check_seconds("flush_interval", self.flush_interval)
        check_seconds("shutdown_timeout", self.shutdown_timeout)
        if self.on_overflow not in get_args(OnOverflow):
            known = ", ".join(get_args(OnOverflow))
            raise ConfigurationError(f"on_overflow must be one of {known}")

    @property
    def api_url(self) -> str:
        return self.base_url + API_PATH


def to_timeout(value: TimeoutInput) -> httpx2.Timeout:
    """Return the timeouts of one exchange. Errors: ConfigurationError."""
    if isinstance(value, httpx2.Timeout):
        return value
    if value is None:
        return httpx2.Timeout(None)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigurationError(f"timeout must be seconds above 0, or None; not {value!r}")
    return httpx2.Timeout(value, connect=min(value, CONNECT_TIMEOUT_S))


def check_count(name: str, value: int, *, most: int | None = None) -> None:
    """Errors: ConfigurationError."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < 1 or (most is not None and value > most):
        bound = "1 or more" if most is None else f"1 to {most}"
        raise ConfigurationError(f"{name} must be a whole number, {bound}; not {value!r}")


def check_seconds(name: str, value: float) -> None:
    """Errors: ConfigurationError."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf:
        raise ConfigurationError(f"{name} must be seconds, 0 or more; not {value!r}")


def check_max_retries(value: int) -> int:
    """Return the value. Errors: ConfigurationError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigurationError(f"max_retries must be a whole number, 0 or more; not {value!r}")
    return value


def _clean_key(key: str) -> str:
    if not isinstance(key, str) or not key.strip():
        raise ConfigurationError(
            "no API key: pass api_key=, or set TALLYBOOK_API_KEY (keys look like tb_live_… or "
            "tb_test_…)"
        )
    key = key.strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("the API key holds characters that no key has")
    return key


def _clean_base_url(base_url: str) -> str:
    url = base_url.strip().rstrip("/").removesuffix(API_PATH).rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port  # reads it: a port past 65535 raises
    except ValueError:
        usable = False
    if usable and parts.username is not None:
        raise ConfigurationError("base_url must hold no user name or password")
    if not usable or parts.query or parts.fragment:
        raise ConfigurationError(
            f"base_url must be an http(s) address such as {DEFAULT_BASE_URL}; not {base_url!r}"
        )
    return url
