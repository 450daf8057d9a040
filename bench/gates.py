"""What asks whether work may go on, and what tells an app that it may not any more."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from tallybook import AccessCache, Tallybook

from .load import (
    CUSTOMERS,
    METER,
    Load,
    make_bodies,
    make_events,
    make_request,
    row_of,
    send,
    send_beside,
)
from .servers import Server, serving, uvicorn

Row = dict[str, Any]
CHECK = "/api/v1/access/check"
BATCH = "/api/v1/events/batch"
CHECKS_A_S = 3_000  # while usage comes in at a quarter of its rate
CACHED_A_S = 500_000
EVENTS_A_S = 100  # that webhooks tell
LATENCY_S = 5


def checks(scale: float) -> Iterator[Row]:
    """Checks: beside what HTTP itself costs, while usage comes in, and in the app's own process."""
    count = int(20_000 * scale)
    bodies = [
        json.dumps({"customer_external_id": f"c{n}", "feature": METER}).encode()
        for n in range(CUSTOMERS)
    ]
    asked = list(itertools.islice(itertools.cycle(bodies), count))
    with uvicorn("bench.hello:app") as hello:
        bare = send(hello, "", asked, events=count, path="/")
    with serving() as server:
        ingest = _ingest(server, int(40_000 * scale))
        alone = send(server.url, server.key, asked, events=count, path=CHECK)
        limit = bare.rate
        yield row_of("access.check", alone, beside="bare ASGI hello", limit=limit, must=0.2)
        requests = [make_request(server.url, server.key, CHECK, body) for body in asked]
        usage = _usage(server, int(200_000 * scale))
        load, beside = send_beside(
            server.url, requests, usage, per_s=ingest.rate / 4 / 100, events=count
        )
        yield row_of(
            f"access.check beside {round(beside * 100):,} events/s",
            load,
            beside="the goal",
            limit=CHECKS_A_S,
            must=1.0,
        )
        yield from _reads(server, scale)
        yield _cached(server, int(500_000 * scale))


def _usage(server: Server, count: int) -> Iterator[bytes]:
    """Batches of 100 without end; once all were sent they are repeats, which cost as much."""
    bodies = make_bodies(list(make_events(count)), 100)
    return itertools.cycle([make_request(server.url, server.key, BATCH, body) for body in bodies])


def _ingest(server: Server, count: int) -> Load:
    bodies = make_bodies(list(make_events(count)), 100)
    return send(server.url, server.key, bodies, events=count)


def _reads(server: Server, scale: float) -> Iterator[Row]:
    """Reads one after another, while 15 connections send as much usage as they can."""
    day = time.strftime("%Y-%m-%d", time.gmtime())
    path = f"/api/v1/customers/external/c1/usage/aggregate?start_date={day}&end_date={day}"
    look = make_request(server.url, server.key, path, b"", method="GET")
    ask = make_request(
        server.url, server.key, CHECK, b'{"customer_external_id": "c1", "feature": "tokens"}'
    )
    for what, request in (("usage.get_aggregated", look), ("access.check", ask)):
        usage = _usage(server, int(200_000 * scale))
        reads = [request] * max(20, int(400 * scale))
        load, beside = send_beside(
            server.url, reads, usage, per_s=None, events=len(reads), connections=1
        )
        yield {
            "what": f"{what}, p99 ms, beside {round(beside * 100):,} events/s",
            "value": round(load.p99 * 1000, 1),
            "must": 10,
        }


def _cached(server: Server, count: int) -> Row:
    with Tallybook(server.key, base_url=server.url) as client:
        cache = AccessCache(client)
        cache.load()
        names = list(itertools.islice(itertools.cycle(f"c{n}" for n in range(CUSTOMERS)), count))
        began = time.perf_counter()
        for name in names:
            cache.check(customer_external_id=name, feature=METER)
        rate = count / (time.perf_counter() - began)
    return {"what": "AccessCache.check, a second", "value": round(rate), "must": CACHED_A_S}


def webhooks(scale: float) -> Iterator[Row]:
    """How long after an answer its webhook comes, with an endpoint beside that never answers."""
    with serving(TALLYBOOK_WEBHOOK_ALLOWED_NETWORKS="127.0.0.0/8") as server:
        waits = asyncio.run(_delays(server, max(50, int(2_000 * scale))))
    waits.sort()
    yield {
        "what": f"webhook p95, seconds, {EVENTS_A_S} events/s",
        "value": round(waits[int(len(waits) * 0.95)], 2),
        "must": LATENCY_S,
    }


async def _delays(server: Server, count: int) -> list[float]:
    came: dict[str, float] = {}
    told: dict[str, float] = {}

    async def live(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            body = json.loads(await reader.readexactly(size))
            came.setdefault(body["data"]["customer"]["id"], time.perf_counter())
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    async def dead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):
            await reader.read()
        writer.close()

    sinks = [await asyncio.start_server(answer, "127.0.0.1", 0) for answer in (live, dead)]
    with Tallybook(server.key, base_url=server.url) as client:
        for sink in sinks:
            url = f"http://127.0.0.1:{sink.sockets[0].getsockname()[1]}/hook"
            client.webhook_endpoints.create(url=url, events=["customer.created"])
    host, port = server.url.removeprefix("http://").split(":")

    async def create(number: int, at: float) -> None:
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        body = json.dumps({"name": f"n{number}", "external_id": f"new-{number}"}).encode()
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(make_request(server.url, server.key, "/api/v1/customers", body))
        head = await _head(reader)
        assert head.startswith(b"HTTP/1.1 201"), head
        size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        made = json.loads(await reader.readexactly(size))
        told[made["id"]] = time.perf_counter()
        writer.close()

    began = time.perf_counter() + 0.1
    await asyncio.gather(*(create(n, began + n / EVENTS_A_S) for n in range(count)))
    patience_s = time.perf_counter() + 30
    while told.keys() - came.keys() and time.perf_counter() < patience_s:
        await asyncio.sleep(0.05)
    for sink in sinks:
        sink.close()
    missing = told.keys() - came.keys()
    assert not missing, f"{len(missing)} webhooks did not come"
    return [max(0.0, came[name] - at) for name, at in told.items()]


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
