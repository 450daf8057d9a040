"""`python -m bench`: durable ingest with exact dedup, over HTTP, beside the storage's own limit."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tallybook import Tallybook

from .limits import insert_rate
from .load import CUSTOMERS, METER, make_bodies, make_events, send

SIZES = ((1, 20_000), (100, 200_000), (1000, 300_000))  # events a request, events in all


class Server:
    """A server process on a data directory of its own."""

    def __init__(self, directory: Path, *, space: str = "live") -> None:
        command = [sys.executable, "-m", "tallybook", "serve", "--port", "0"]
        environment = {**os.environ, "TALLYBOOK_DATA_DIR": str(directory)}
        self.process = subprocess.Popen(
            [*command, "--data-dir", str(directory)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        made = subprocess.run(
            [sys.executable, "-m", "tallybook", "projects", "create", "Bench", "--json"],
            check=True,
            capture_output=True,
            text=True,
            env=environment,
        )
        self.key: str = json.loads(made.stdout)[f"{space}_key"]

    def memory_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return 0.0
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def prepare(url: str, key: str) -> None:
    with Tallybook(key, base_url=url) as client:
        client.meters.create(name="Tokens", key=METER, aggregation="sum")
        plan = client.plans.create(name="Pro", key="pro")
        client.plans.meter_prices.create(
            plan.id, meter=METER, pricing_model="per_unit", unit_price="0.000003"
        )
        for number in range(CUSTOMERS):
            customer = client.customers.create(name=f"c{number}", external_id=f"c{number}")
            client.subscriptions.create(customer_id=customer.id, plan="pro")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--scale", type=int, default=100, help="percent of the usual number")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        server = Server(Path(temporary) / "data")
        try:
            prepare(server.url, server.key)
            for size, usual in SIZES:
                events = list(make_events(usual * given.scale // 100))
                bodies = make_bodies(events, size)
                limit = insert_rate(Path(temporary) / f"limit{size}.db", events, size)
                load = send(server.url, server.key, bodies, events=len(events))
                again = send(server.url, server.key, bodies, events=len(events))
                assert load.accepted == len(events), load
                assert again.duplicates == len(events), again
                rows.append(
                    {
                        "batch": size,
                        "events_per_s": round(load.rate),
                        "limit_per_s": round(limit),
                        "ratio": round(load.rate / limit, 2),
                        "duplicates_per_s": round(again.rate),
                        "p50_ms": round(load.p50 * 1000, 1),
                        "p99_ms": round(load.p99 * 1000, 1),
                    }
                )
                print(f"batches of {size} done", file=sys.stderr)
            memory = round(server.memory_mb())
        finally:
            server.stop()
    if given.json:
        print(json.dumps({"ingest": rows, "memory_mb": memory}))
        return 0
    print(
        "Ingest over HTTP (durable, exact dedup, counters; 16 connections, client on this machine)"
    )
    print("limit: bare executemany of the same rows, same unique key, synchronous=FULL\n")
    heads = ("batch", "events/s", "limit/s", "ratio", "dup/s", "p50", "p99")
    print("{:>6} {:>9} {:>9} {:>6} {:>8} {:>7} {:>7}".format(*heads))
    for row in rows:
        print(
            f"{row['batch']:>6} {row['events_per_s']:>9} {row['limit_per_s']:>9} {row['ratio']:>6}"
            f" {row['duplicates_per_s']:>8} {row['p50_ms']:>5}ms {row['p99_ms']:>5}ms"
        )
    print(f"\nmemory of the server (peak): {memory} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
