"""`python -m bench.year`: a year of monthly subscriptions on the test clock, through the API.

Every period must be billed exactly once; prints how long it took, and on what.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from tallybook import Tallybook

from .servers import Server

MONTHS = 12
AT_ONCE = 8
START = datetime(2026, 1, 1, tzinfo=UTC)


def prepare(client: Tallybook, customers: int) -> None:
    """A catalog with one metered plan, and its subscribers, a tenth of whom have a wallet."""
    client.meters.create(name="Calls", key="calls", aggregation="sum")
    plan = client.plans.create(name="Pro", key="pro")
    client.pricing.add_price_to_plan(
        plan.id, market="global", base_price=20, billing_period="monthly"
    )
    client.plans.meter_prices.create(
        plan.id, meter="calls", pricing_model="per_unit", unit_price="0.01"
    )

    def one(number: int) -> None:
        made = client.customers.create(name=f"c{number}", external_id=f"c{number}")
        if number % 10 == 0:
            client.wallets.get_or_create(made.id, "USD").top_up(amount=10_000)
        client.subscriptions.create(customer_id=made.id, plan="pro")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, range(customers)))


def count_invoices(client: Tallybook) -> Counter[tuple[str, str]]:
    """How many invoices each (subscription, period) has."""
    found: Counter[tuple[str, str]] = Counter()
    for invoice in client.invoices.list(limit=100):
        for line in invoice.line_items or ():
            if line.kind == "base_fee":
                found[invoice.subscription_id or "", str(line.period_start)] += 1
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000)
    given = parser.parse_args()
    expected = given.customers * (MONTHS + 1)
    with tempfile.TemporaryDirectory() as temporary:
        server = Server(Path(temporary) / "data", space="test").start()
        try:
            with Tallybook(server.key, base_url=server.url, timeout=3600.0) as client:
                client.test_clock.advance(START)
                began = time.perf_counter()
                prepare(client, given.customers)
                print(f"subscribe {given.customers}: {time.perf_counter() - began:.1f} s")
                total = 0.0
                for month in range(1, MONTHS + 1):
                    to = START.replace(year=START.year + month // 12, month=month % 12 + 1, hour=2)
                    began = time.perf_counter()
                    client.test_clock.advance(to)
                    took = time.perf_counter() - began
                    total += took
                    each = took / given.customers * 1000
                    print(f"month {month:2}: {took:6.1f} s, {each:.1f} ms a renewal", flush=True)
                found = count_invoices(client)
        finally:
            server.stop()
    print(f"year: {total:.1f} s for {given.customers * MONTHS} renewals")
    if len(found) != expected or set(found.values()) != {1}:
        print(f"wrong: {len(found)} periods billed of {expected}", file=sys.stderr)
        return 1
    print(f"every period billed once: {len(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
