"""Connections to addresses that were checked, and to no other."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Final

import httpcore2

from .errors import WebhookUrlRefused
from .rules.addresses import Network, refusal
from .rules.urls import Target, UrlRefused, is_public_port, parse_url

RESOLVE_S_MAX: Final = 3.0  # when an endpoint is made; a name that does not resolve yet may
ADDRESSES_TRIED_MAX: Final = 4
Resolve = Callable[[str, int], Awaitable[list[str]]]
Lookup = Callable[[str, int], list[str]]
_lookups = ThreadPoolExecutor(8, thread_name_prefix="tallybook-resolve")


def look_up(host: str, port: int) -> list[str]:
    """Return every address of a host. Errors: OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


async def resolve(host: str, port: int) -> list[str]:
    return await asyncio.get_running_loop().run_in_executor(None, look_up, host, port)


def check(target: Target, addresses: Sequence[str], allowed: Sequence[Network]) -> None:
    """Errors: UrlRefused, unless each address is public, or allowed by the operator."""
    why = refusal(addresses, is_https=target.is_https, allowed=allowed)
    if why is None and not is_public_port(target.port):
        # Only where every address is in an allowed network may the port be any.
        why = refusal(addresses, is_https=False, allowed=allowed) and "its port is not for webhooks"
    if why is not None:
        raise UrlRefused(why)


def check_url(url: str, allowed: Sequence[Network], look_up: Lookup = look_up) -> None:
    """Refuse a URL that webhooks would not be sent to; it is checked again with every POST.

    A name that does not resolve now is taken: nothing is sent before it does.
    Errors: WebhookUrlRefused.
    """
    try:
        target = parse_url(url)
        address = target.address
        if address is not None:
            check(target, [str(address)], allowed)
            return
        try:
            found = _lookups.submit(look_up, target.host, target.port).result(RESOLVE_S_MAX)
        except (OSError, UnicodeError, FutureTimeout):
            found = []
        if found:
            check(target, found, allowed)
        elif not target.is_https and not allowed:
            raise UrlRefused("it must begin with https://")
        elif not is_public_port(target.port) and not allowed:
            raise UrlRefused("its port is not for webhooks")
    except UrlRefused as error:
        raise WebhookUrlRefused(reason=str(error)) from None


class Pinned(httpcore2.AsyncNetworkBackend):
    """Connects to given addresses, whatever host it is asked for; the first that answers."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses[:ADDRESSES_TRIED_MAX]
        self._real = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - it was resolved and checked before; asking again could differ
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failed: Exception | None = None
        for address in self._addresses:
            try:
                return await self._real.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        raise failed or httpcore2.ConnectError("no address")
