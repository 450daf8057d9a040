"""A load generator that costs little: HTTP/1.1 on raw sockets, bodies made beforehand."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

CUSTOMERS = 7
METER = "tokens"


@dataclass(frozen=True)
class Load:
    """What a run did: events per second, and how long a request took (seconds)."""

    events: int
    seconds: float
    p50: float
    p99: float
    accepted: int
    duplicates: int

    @property
    def rate(self) -> float:
        return self.events / self.seconds


def row_of(what: str, load: Load, *, beside: str, limit: float, must: float) -> dict[str, Any]:
    """What a run did, beside a limit of the same machine (a second)."""
    return {
        "what": what,
        "per_s": round(load.rate),
        "beside": beside,
        "limit_per_s": round(limit),
        "ratio": round(load.rate / limit, 3),
        "must": must,
        "p50_ms": round(load.p50 * 1000, 1),
        "p99_ms": round(load.p99 * 1000, 1),
    }


def uuid7_text(sequence: int) -> str:
    """A time-ordered key, as the SDK mints them."""
    ms = int(time.time() * 1000)
    value = ms << 80 | 0x7 << 76 | (sequence >> 12 & 0xFFF) << 64 | 0b10 << 62
    value |= (sequence & 0xFFF) << 50 | uuid.uuid4().int & ((1 << 50) - 1)
    return str(uuid.UUID(int=value))


def make_events(count: int, *, random_keys: bool = False) -> Iterator[dict[str, str]]:
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    for number in range(count):
        yield {
            "customer_external_id": f"c{number % CUSTOMERS}",
            "meter": METER,
            "quantity": str(number % 1000),
            "timestamp": f"{now}.{number % 1_000_000:06d}Z",
            "idempotency_key": str(uuid.uuid4()) if random_keys else uuid7_text(number),
        }


def make_singles(events: Sequence[dict[str, str]]) -> list[bytes]:
    return [json.dumps(event, separators=(",", ":")).encode() for event in events]


def make_bodies(events: Sequence[dict[str, str]], size: int) -> list[bytes]:
    return [
        json.dumps({"events": events[start : start + size]}, separators=(",", ":")).encode()
        for start in range(0, len(events), size)
    ]


def _counts(answer: bytes, content: bytes) -> tuple[int, int]:
    """Return what was stored and what was known already, of a batch or of a single request."""
    if b'"results"' in content:
        parsed = json.loads(content[: content.index(b'"results"')].rstrip(b",") + b"}")
        return parsed["accepted"], parsed["duplicates"]
    return (0, 1) if b"idempotent-replayed" in answer.lower() else (1, 0)


async def _connection(
    host: str, port: int, requests: Iterator[bytes], times: list[float]
) -> tuple[int, int]:
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 22)
    accepted = duplicates = 0
    for request in requests:
        began = time.perf_counter()
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
            raise RuntimeError(answer.decode())
        length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        content = await reader.readexactly(length)
        times.append(time.perf_counter() - began)
        stored, known = _counts(answer, content)
        accepted += stored
        duplicates += known
    writer.close()
    return accepted, duplicates


async def _run(
    host: str, port: int, requests: Iterable[bytes], connections: int
) -> tuple[float, list[float], int, int]:
    shared = iter(list(requests))  # made beforehand
    times: list[float] = []
    began = time.perf_counter()
    made = await asyncio.gather(
        *(_connection(host, port, shared, times) for _ in range(connections))
    )
    seconds = time.perf_counter() - began
    return seconds, times, sum(a for a, _ in made), sum(d for _, d in made)


def make_request(
    url: str, key: str, path: str, body: bytes, *, method: str = "POST", **headers: str
) -> bytes:
    """A request as it goes over the wire."""
    given = {
        "Host": url.removeprefix("http://"),
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def send(
    url: str,
    key: str,
    bodies: list[bytes],
    *,
    events: int,
    connections: int = 16,
    path: str = "/api/v1/events/batch",
) -> Load:
    """Send the bodies over some connections; return what came of it."""
    requests = (make_request(url, key, path, body) for body in bodies)
    return send_requests(url, requests, events=events, connections=connections)


def send_requests(
    url: str, requests: Iterable[bytes], *, events: int, connections: int = 16
) -> Load:
    """Send whole requests over some connections; return what came of it."""
    host, port = url.removeprefix("http://").split(":")
    return _load(events, *asyncio.run(_run(host, int(port), requests, connections)))


def _load(events: int, seconds: float, times: list[float], accepted: int, duplicates: int) -> Load:
    times.sort()
    p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    return Load(events, seconds, p50, p99, accepted, duplicates)


def send_beside(
    url: str,
    requests: Iterable[bytes],
    beside: Iterable[bytes],
    *,
    per_s: float | None,
    events: int,
    connections: int = 16,
) -> tuple[Load, float]:
    """Send requests while others go out beside them, `per_s` of them or all that go.

    Returns what came of the first, and how many a second the others were, which end with them.
    """
    host, port = url.removeprefix("http://").split(":")

    async def work() -> tuple[Load, float]:
        sent: list[float] = []
        others = _paced(iter(beside), per_s, time.perf_counter())
        crowd = [asyncio.create_task(_stream(host, int(port), others, sent)) for _ in range(15)]
        began = time.perf_counter()
        load = _load(events, *await _run(host, int(port), requests, connections))
        rate = len(sent) / (time.perf_counter() - began)
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        return load, rate

    return asyncio.run(work())


def _paced(
    requests: Iterator[bytes], per_s: float | None, began: float
) -> Iterator[tuple[float, bytes]]:
    """Give each request the time at which it goes out."""
    for number, request in enumerate(requests):
        yield (0.0 if per_s is None else began + number / per_s), request


async def _stream(
    host: str, port: int, requests: Iterator[tuple[float, bytes]], sent: list[float]
) -> None:
    for at, request in requests:
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        await _connection(host, port, iter([request]), sent)
