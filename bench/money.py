"""Money: debits of wallets over HTTP, and the invoices of many subscriptions at once."""

import json
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, func, select

from tallybook import Tallybook
from tallybook.server.invoicing.tables import invoice_lines, invoices
from tallybook.server.wallets.tables import wallets

from .clones import SEED, clone, connected
from .limits_money import guarded_debits, invoice_rate, sqlite_debits, tpc_b
from .load import Load, make_request, row_of, send_requests
from .servers import Server, postgres

Row = dict[str, Any]
WALLETS: Final = 10_000
SUBSCRIPTIONS: Final = 10_000
LINES: Final = 10  # of an invoice: the fee, and a meter each
CREDITS: Final = 1_000_000
DEBITS: Final = 5_000
LIMIT_S: Final = 5
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
ENDED: Final = datetime(2026, 2, 1, 2, tzinfo=UTC)  # the grace for late usage is over, too


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _running(database: str | None, space: str) -> Iterator[tuple[Server, Engine]]:
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary) / "data"
        server = Server(directory, space=space, database=database).start()
        try:
            with connected(database or f"sqlite:///{directory}/tallybook.db") as engine:
                yield server, engine
        finally:
            server.stop()


def _debits(server: Server, ids: Sequence[str], count: int) -> Load:
    body = b'{"amount":"1"}'
    requests = (
        make_request(
            server.url,
            server.key,
            f"/api/v1/wallets/{ids[number % len(ids)]}/deductions",
            body,
            Idempotency_Key=str(uuid.uuid4()),
        )
        for number in range(count)
    )
    load = send_requests(server.url, requests, events=count)
    assert load.accepted == count, load
    return load


def _sum_of_balances(engine: Engine) -> int:
    with engine.connect() as db:
        return int(db.execute(select(func.sum(wallets.c.balance_micros))).scalar_one()) // 10**6


def _debit_both(database: str | None, scale: float) -> Iterator[tuple[str, Load, str]]:
    """Debits of many wallets, then of one: what they were, and the last wallet's id."""
    with _running(database, "live") as (server, engine):
        with Tallybook(server.key, base_url=server.url) as client:
            made = client.customers.create(name="Seed", external_id=SEED)
            wallet = client.wallets.get_or_create(made.id, "USD")
            key = f"{SEED}-top-up"
            client.wallets.top_up(wallet.id, amount=CREDITS, idempotency_key=key)
        clone(engine, max(100, int(WALLETS * scale)))
        with engine.connect() as db:
            ids = list(db.execute(select(wallets.c.id).order_by(wallets.c.id)).scalars())
        count, before = int(DEBITS * scale), _sum_of_balances(engine)
        _debits(server, ids, count // 10)  # whatever is done once is done
        many = _debits(server, ids, count)
        hot = _debits(server, ids[:1], count)
        assert _sum_of_balances(engine) == before - count // 10 - 2 * count
        yield f"{len(ids):,} wallets", many, ids[0]
        yield "one hot wallet", hot, ids[0]


def debits(scale: float) -> Iterator[Row]:
    """Debits of wallets over HTTP, beside what the database does with debits on its own."""
    say("wallets: sqlite")
    with tempfile.TemporaryDirectory() as scratch:
        limit = sqlite_debits(Path(scratch) / "debits.db", int(20_000 * scale), WALLETS)
    for name, load, _ in _debit_both(None, scale):
        beside = "bare debit, entry, FULL"
        yield row_of(f"sqlite, debits of {name}", load, beside=beside, limit=limit, must=0.6)
    say("wallets: postgres")
    with postgres() as url:
        (name, many, wallet_id), (hot_name, hot, _) = _debit_both(url, scale)
        limit = tpc_b(url, LIMIT_S)
        yield row_of(f"postgres, debits of {name}", many, beside="TPC-B", limit=limit, must=0.6)
        limit = guarded_debits(url, wallet_id, LIMIT_S)
        beside = "guarded UPDATE of it"
        yield row_of(f"postgres, debits of {hot_name}", hot, beside=beside, limit=limit, must=0.7)


def _use(server: Server, meter: str) -> None:
    event = {
        "customer_external_id": SEED,
        "meter": meter,
        "quantity": "7",
        "timestamp": START.isoformat(),
        "idempotency_key": str(uuid.uuid4()),
    }
    request = urllib.request.Request(
        f"{server.url}/api/v1/events/batch",
        json.dumps({"events": [event]}).encode(),
        {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["accepted"] == 1


def _subscribe(server: Server, client: Tallybook) -> None:
    """One subscriber whose invoices have LINES lines, and nothing that pays them."""
    client.test_clock.advance(START)
    plan = client.plans.create(name="Pro", key="pro")
    client.pricing.add_price_to_plan(
        plan.id, market="global", base_price=20, billing_period="monthly"
    )
    for number in range(1, LINES):
        client.meters.create(name=f"Meter {number}", key=f"m{number}", aggregation="sum")
        client.plans.meter_prices.create(
            plan.id, meter=f"m{number}", pricing_model="per_unit", unit_price="0.01"
        )
    made = client.customers.create(name="Seed", external_id=SEED)
    client.subscriptions.create(customer_id=made.id, plan="pro", payment_terms=60)
    for number in range(1, LINES):
        _use(server, f"m{number}")


def _run(database: str | None, count: int) -> tuple[float, float, float]:
    """Bill a month of many subscriptions: invoices a second, the limit's, peak memory in MB."""
    with _running(database, "test") as (server, engine):
        with Tallybook(server.key, base_url=server.url, timeout=3600.0) as client:
            _subscribe(server, client)
            clone(engine, count - 1)
            began = time.perf_counter()
            client.test_clock.advance(ENDED)
            seconds = time.perf_counter() - began
        with engine.connect() as db:
            t = invoices.c
            is_made = (t.period_number == 1, t.number.is_not(None))
            made = db.execute(select(func.count()).where(*is_made)).scalar_one()
            lines = select(func.count()).select_from(invoice_lines.join(invoices)).where(*is_made)
            assert (made, db.execute(lines).scalar_one()) == (count, count * LINES)
        return count / seconds, invoice_rate(engine, min(count * 4, 10_000)), server.memory_mb()


def invoice_run(scale: float) -> Iterator[Row]:
    """The month's end of many subscriptions, beside bare inserts of what comes of it."""
    count = max(20, int(SUBSCRIPTIONS * scale))
    for name in ("sqlite", "postgres"):
        peaks = []
        for size in (count // 4, count):
            say(f"invoices: {name}, {size} subscriptions")
            if name == "sqlite":
                rate, limit, peak = _run(None, size)
            else:
                with postgres() as url:
                    rate, limit, peak = _run(url, size)
            peaks.append(peak)
        load = Load(count, count / rate, 0, 0, count, 0)
        beside = "bare INSERT, 100 a commit"
        what = f"{name}, invoices of {LINES} lines"
        yield row_of(what, load, beside=beside, limit=limit, must=0.25)
        yield {
            "what": f"{name}, memory of {count // 4} subscriptions, MB",
            "value": round(peaks[0]),
        }
        yield {"what": f"{name}, memory of {count} subscriptions, MB", "value": round(peaks[1])}
