"""`python -m bench`: what the server does, beside the limits measured in the same run.

    python -m bench [sqlite] [postgres] [aged] [access] [webhooks] [wallets] [invoices]
        [--scale PERCENT] [--full] [--json]

Ratios matter, figures are this machine's: the load generator runs on it, too. Every answer counted
came after a durable commit, with exact deduplication, authentication and counters on.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from .gates import checks, webhooks
from .limits import copy_rate, insert_rate
from .load import Load, make_bodies, make_events, make_singles, row_of, send
from .money import debits, invoice_run
from .servers import Server, postgres, serving, uvicorn

Row = dict[str, Any]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _batches(server: Server, count: int, size: int) -> tuple[list[dict[str, str]], Load, Load]:
    """Send fresh events in batches, and all of them again."""
    events = list(make_events(count))
    bodies = make_bodies(events, size)
    load = send(server.url, server.key, bodies, events=len(events))
    again = send(server.url, server.key, bodies, events=len(events))
    assert load.accepted == len(events), load
    assert again.duplicates == len(events), again
    return events, load, again


def _singles(server: Server, count: int) -> tuple[list[dict[str, str]], Load]:
    events = list(make_events(count))
    path = "/api/v1/events"
    load = send(server.url, server.key, make_singles(events), events=len(events), path=path)
    assert load.accepted == len(events), load
    return events, load


def sqlite(scale: float) -> Iterator[Row]:
    """Ingest on the embedded database, beside bare inserts of the same rows."""
    with tempfile.TemporaryDirectory() as scratch, serving() as server:
        for size, usual in ((100, 150_000), (1000, 200_000)):
            _say(f"sqlite: batches of {size}")
            events, load, again = _batches(server, int(usual * scale), size)
            limit = insert_rate(Path(scratch) / f"{size}.db", events, size)
            bare = "bare executemany, FULL"
            yield row_of(f"sqlite, batches of {size}", load, beside=bare, limit=limit, must=0.6)
            fresh = "the same, fresh"
            yield row_of(
                f"sqlite, only duplicates, {size}", again, beside=fresh, limit=load.rate, must=1.0
            )
        _say("sqlite: single events")
        events, load = _singles(server, int(15_000 * scale))
        limit = insert_rate(Path(scratch) / "1.db", events, 1)
        yield row_of(
            "sqlite, single events", load, beside="one-row commits, FULL", limit=limit, must=0.5
        )
        yield {"what": "memory of the server (peak), MB", "value": round(server.memory_mb())}


def on_postgres(scale: float) -> Iterator[Row]:
    """Ingest on PostgreSQL, beside COPY and beside the server that one writes first."""
    import psycopg

    with postgres() as url, psycopg.connect(url, autocommit=True) as admin:
        naive_url = url.replace("postgresql://", "postgresql+asyncpg://")
        with serving(url) as server:
            count = int(150_000 * scale)
            _say("postgres: batches of 1000")
            wal = _one(admin, "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
            size_before = _one(admin, "SELECT pg_total_relation_size('events')")
            events = list(make_events(count))
            bodies = make_bodies(events, 1000)
            load = send(server.url, server.key, bodies, events=count)
            wal = _one(admin, "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn") - wal
            disk = _one(admin, "SELECT pg_total_relation_size('events')") - size_before
            again = send(server.url, server.key, bodies, events=count)
            assert (load.accepted, again.duplicates) == (count, count), (load, again)
            limit = copy_rate(url, events, 1000)
            beside = "COPY, INSERT … SELECT"
            yield row_of("postgres, batches of 1000", load, beside=beside, limit=limit, must=0.7)
            yield row_of(
                "postgres, only duplicates, 1000",
                again,
                beside="the same, fresh",
                limit=load.rate,
                must=1.0,
            )
            yield {"what": "WAL of an event, bytes", "value": round(wal / count), "must": 800}
            yield {"what": "disk of an event, bytes", "value": round(disk / count), "must": 450}
            _say("postgres: single events")
            events, load = _singles(server, int(10_000 * scale))
        with uvicorn("bench.naive:app", BENCH_DATABASE_URL=naive_url) as naive:
            bodies = make_singles(list(make_events(int(5_000 * scale))))
            simple = send(naive, "", bodies, events=len(bodies), path="/events")
        yield row_of(
            "postgres, single events",
            load,
            beside="naive FastAPI, asyncpg",
            limit=simple.rate,
            must=5.0,
        )


def aged(scale: float) -> Iterator[Row]:
    """The rate after 20 million events, beside the rate of the first million; two kinds of keys."""
    part = int(1_000_000 * scale)
    for keys in ("time-ordered", "random"):
        with serving() as server:
            first = last = _fill(server, part, random_keys=keys == "random")
            for number in range(2, 22):
                _say(f"aged: {keys} keys, {number * part:,} events")
                last = _fill(server, part, random_keys=keys == "random")
            yield row_of(
                f"sqlite, after {20 * part:,}, {keys}",
                last,
                beside=f"the first {part:,}",
                limit=first.rate,
                must=0.8,
            )


def _fill(server: Server, count: int, *, random_keys: bool) -> Load:
    bodies = make_bodies(list(make_events(count, random_keys=random_keys)), 1000)
    load = send(server.url, server.key, bodies, events=count)
    assert load.accepted == count, load
    return load


def _one(admin: Any, query: str) -> int:
    return int(admin.execute(query).fetchone()[0])


ROWS: Final[Mapping[str, Callable[[float], Iterator[Row]]]] = {
    "sqlite": sqlite,
    "postgres": on_postgres,
    "aged": aged,
    "access": checks,
    "webhooks": webhooks,
    "wallets": debits,
    "invoices": invoice_run,
}
PARTS: Final = {
    "aged": 0.02,
    "wallets": 0.1,
    "invoices": 0.02,
}  # of the full size, unless that is asked for


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(ROWS)} [all]")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--scale", type=int, default=100, help="percent of the usual number")
    parser.add_argument(
        "--full", action="store_true", help="20 million events, 10,000 wallets and subscriptions"
    )
    given = parser.parse_args()
    if unknown := [name for name in given.rows if name not in ROWS]:
        parser.error(f"there is no row {unknown[0]}: choose from {', '.join(ROWS)}")
    found: list[Row] = []
    for name in given.rows or ROWS:
        part = 1.0 if given.full else PARTS.get(name, 1.0)
        for row in ROWS[name](part * given.scale / 100):
            found.append(row)
            _say(json.dumps(row))
    if given.json:
        print(json.dumps(found))
        return 0
    print("16 connections, client on this machine; ratio: to the limit beside it, of this run\n")
    form = "{:<34} {:>9} {:>7} {:>5}  {:<24} {:>9} {:>8} {:>8}"
    print(form.format("what", "per s", "ratio", "must", "beside", "per s", "p50 ms", "p99 ms"))
    for row in found:
        if "value" in row:
            print(f"{row['what']:<34} {row['value']:>9} {'':>7} {row.get('must', ''):>5}")
            continue
        names = ("what", "per_s", "ratio", "must", "beside", "limit_per_s", "p50_ms", "p99_ms")
        print(form.format(*(row[name] for name in names)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
