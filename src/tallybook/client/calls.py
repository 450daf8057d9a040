"""One call to the API, before it is sent: form-neutral, and the same on every try."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import httpx2

from .encoding import encode_body, encode_query
from .options import ClientOptions, WriteOptions, check_max_retries, to_timeout
from .version import VERSION

USER_AGENT: Final = f"tallybook-python/{VERSION}"
RAW_RESPONSE: Final = "X-Tallybook-Raw-Response"  # asks for the APIResponse; never sent
File = tuple[bytes, str]
"""What is sent as it is, and its type."""
_CALL_OPTIONS: Final = frozenset(WriteOptions.__annotations__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is sent. The idempotency key is chosen here, so that every retry carries it."""

    method: str
    url: str
    path: str
    params: Mapping[str, str]
    content: bytes | None
    headers: httpx2.Headers = field(repr=False)
    timeout: httpx2.Timeout
    max_retries: int
    raw: bool

    def headers_of_try(self, retries_done: int) -> httpx2.Headers:
        headers = self.headers.copy()
        headers["X-Retry-Count"] = str(retries_done)
        return headers


def prepare(
    client: ClientOptions,
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    options: Mapping[str, Any],
    file: File | None = None,
) -> Call:
    """Return the call with the client's options and its own.

    Errors: TypeError (an option no call has), ValueError, ConfigurationError.
    """
    if unknown := sorted(options.keys() - _CALL_OPTIONS):
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}")
    content = None if body is None else encode_body(body)
    headers = _client_headers(client)
    if content is not None:
        headers["Content-Type"] = "application/json"
    if file is not None:
        content, headers["Content-Type"] = file
    if method != "GET":
        headers["Idempotency-Key"] = _idempotency_key(options.get("idempotency_key"))
    headers.update(options.get("extra_headers") or {})
    raw = headers.pop(RAW_RESPONSE, None) is not None
    retries = options.get("max_retries")
    return Call(
        method=method,
        url=client.api_url + path,
        path=path,
        params=encode_query(query or {}),
        content=content,
        headers=headers,
        timeout=to_timeout(options.get("timeout", client.timeout)),
        max_retries=client.max_retries if retries is None else check_max_retries(retries),
        raw=raw,
    )


def _client_headers(client: ClientOptions) -> httpx2.Headers:
    headers = httpx2.Headers(
        {
            "Authorization": f"Bearer {client.api_key}",
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
        }
    )
    if client.project_id is not None:
        headers["X-Project-Id"] = client.project_id
    headers.update(client.default_headers)
    return headers


def _idempotency_key(given: str | None) -> str:
    if given is None:
        return str(uuid4())
    if not given or not given.isascii() or not given.isprintable() or given != given.strip():
        raise ValueError("an idempotency key must be printable ASCII, without spaces around it")
    return given
