"""One POST of one delivery: bounded in time and in what is read, whatever the other side does."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import httpcore2

from tallybook.server.kernel import clock

from . import connecting, views
from .connecting import Pinned, Resolve
from .models import Claimed, Outcome
from .rules import signing
from .rules.addresses import Network
from .rules.retries import parse_retry_after
from .rules.urls import UrlRefused, parse_url

TIMEOUT_S: Final = 15.0
READ_BYTES_MAX: Final = 64 << 10
SHOWN_CHARS_MAX: Final = 1_000
USER_AGENT: Final = "Tallybook-Webhooks/1"


@dataclass(frozen=True)
class Poster:
    """How deliveries are posted; `allowed` are networks beside the public internet."""

    allowed: Sequence[Network] = ()
    resolve: Resolve = connecting.resolve
    timeout_s: float = TIMEOUT_S
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    async def post(self, work: Claimed) -> Outcome:
        """Post a delivery and return how it ended; it never raises, and never takes longer."""
        started_at, began = clock.now(), time.monotonic()
        status: int | None = None
        error: str | None = None
        text: str | None = None
        retry_after_s: int | None = None
        try:
            async with asyncio.timeout(self.timeout_s):
                status, text, header = await self._exchange(work, started_at)
                retry_after_s = parse_retry_after(header, clock.now())
        except TimeoutError:
            error = f"no complete answer within {self.timeout_s:g} s"
        except UrlRefused as refused:
            error = f"refused: {refused}"
        except Exception as failed:  # noqa: BLE001 - whatever goes wrong is a failed attempt
            error = f"{type(failed).__name__}: {failed}"[:300]
        if error is None and status is not None and status // 100 == 3:
            error = "it redirects, and redirects are not followed"
        spent_ms = round((time.monotonic() - began) * 1000)
        return Outcome(started_at, spent_ms, status, error, text, retry_after_s)

    async def _exchange(self, work: Claimed, now: datetime) -> tuple[int, str | None, str | None]:
        """Return status, the beginning of the answer, and its Retry-After."""
        if work.envelope is None:
            raise UrlRefused("the event is no longer kept")
        target, body = parse_url(work.url), views.body(work.envelope)
        address = target.address
        found = [str(address)] if address else await self.resolve(target.host, target.port)
        connecting.check(target, found, self.allowed)
        if not found:
            raise UrlRefused("its host has no address")
        headers = {
            "Host": target.authority,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",
            "Connection": "close",
            **signing.headers(
                body,
                message_id=work.message_id,
                sent_at_s=int(now.timestamp()),
                secrets=work.secrets,
            ),
        }
        host = f"[{target.host}]" if ":" in target.host else target.host
        url = httpcore2.URL(
            scheme=b"https" if target.is_https else b"http",
            host=host.encode(),
            port=target.port,
            target=target.path.encode(),
        )
        pool = httpcore2.AsyncConnectionPool(
            ssl_context=self.tls, network_backend=Pinned(found), max_connections=1
        )
        try:
            async with pool.stream("POST", url, headers=_raw(headers), content=body) as response:
                kept = await _beginning(response)
                text = kept[: SHOWN_CHARS_MAX * 4].decode("utf-8", "replace")
                shown = text.replace("\x00", "\ufffd")[:SHOWN_CHARS_MAX] or None
                return response.status, shown, _header(response, b"retry-after")
        finally:
            await pool.aclose()


async def _beginning(response: httpcore2.Response) -> bytes:
    """Read at most READ_BYTES_MAX, as it came: nothing is unpacked."""
    kept = bytearray()
    async for part in response.aiter_stream():
        kept += part[: READ_BYTES_MAX - len(kept)]
        if len(kept) >= READ_BYTES_MAX:
            break
    return bytes(kept)


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _header(response: httpcore2.Response, wanted: bytes) -> str | None:
    found = (value for name, value in response.headers if name.lower() == wanted)
    value = next(found, None)
    return None if value is None else value.decode("latin-1")
