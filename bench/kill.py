"""`python -m bench.kill`: a server is killed (-9) again and again while it is written to.

Eight senders post usage and spend from one wallet; each repeats a request, byte for byte, until it
is answered 2xx. In the end everything that was sent must be there exactly once.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx2

from tallybook import Tallybook

from .load import METER
from .servers import Server, lasting_port, postgres, prepare

SENDERS: Final = 8
CUSTOMER: Final = "c0"
MONEY: Final = 10_000_000
EVENTS_A_BATCH_MAX: Final = 40
LIVES_S: Final = (0.1, 1.2)
PAUSE_S: Final = 0.05
DRAIN_S_MAX: Final = 120
Report = dict[str, Any]


class Wrong(Exception):
    """An answer that must not be."""


@dataclass(frozen=True)
class Answer:
    """The answer in 2xx to a request, and how many times that was sent."""

    content: bytes
    is_replay: bool
    sends: int


class Sender(threading.Thread):
    """Sends until told to stop, and knows what it has sent."""

    def __init__(self, number: int, url: str, key: str, wallet_id: str, stop: threading.Event):
        super().__init__(daemon=True)
        self.number, self.url, self.wallet_id, self.stop = number, url, wallet_id, stop
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self.chance = random.Random(number)
        self.events: dict[str, dict[str, str]] = {}
        self.debits: dict[str, Decimal] = {}
        self.last_debit: tuple[str, bytes, bytes] | None = None
        self.seen: Counter[str] = Counter()
        self.wrong: str | None = None

    def run(self) -> None:
        try:
            with httpx2.Client(base_url=f"{self.url}/api/v1", timeout=30) as self.http:
                while not self.stop.is_set():
                    self._use() if self.chance.random() < 0.6 else self._spend()
        except Exception as error:  # noqa: BLE001 - reported in the end
            self.wrong = f"sender {self.number}: {error!r}"

    def _use(self) -> None:
        """Send a batch: fresh events, some of them twice, and some that were answered before."""
        known = list(self.events.values())[-200:]
        fresh = [self._event() for _ in range(self.chance.randint(1, EVENTS_A_BATCH_MAX))]
        again = [event for event in [*known, *fresh] if self.chance.random() < 0.02]
        batch = [*fresh, *again]
        self.chance.shuffle(batch)
        answer = self._send("/events/batch", json.dumps({"events": batch}).encode())
        told = json.loads(answer.content)
        accepted, duplicates = told["accepted"], told["duplicates"]
        all_new = (accepted, duplicates) == (len(fresh), len(again))
        all_known = answer.sends > 1 and (accepted, duplicates) == (0, len(batch))
        if not all_new and not all_known:
            raise Wrong(
                f"{accepted} accepted and {duplicates} duplicates of {len(fresh)} new and "
                f"{len(again)} known events in send {answer.sends}"
            )
        self.events.update((event["idempotency_key"], event) for event in fresh)
        self.seen["duplicates"] += duplicates
        self.seen["unheard"] += all_known

    def _event(self) -> dict[str, str]:
        self.seen["made"] += 1
        return {
            "customer_external_id": CUSTOMER,
            "meter": METER,
            "quantity": str(self.chance.randint(1, 1000)),
            "timestamp": datetime.now(UTC).isoformat(),
            "idempotency_key": f"{self.number}-{self.seen['made']}",
        }

    def _spend(self) -> None:
        """Take from the wallet; at times by a key that has taken already."""
        path = f"/wallets/{self.wallet_id}/deductions"
        if self.last_debit is not None and self.chance.random() < 0.2:
            key, body, before = self.last_debit
            answer = self._send(path, body, key)
            if not answer.is_replay or answer.content != before:
                raise Wrong(f"{key} did not get its answer again")
            self.seen["duplicates"] += 1
            return
        key = f"spend-{self.number}-{len(self.debits)}"
        amount = Decimal(self.chance.randint(1, 100)) / 100
        body = json.dumps({"amount": str(amount)}).encode()
        answer = self._send(path, body, key)
        if answer.is_replay and answer.sends == 1:
            raise Wrong(f"{key} was known when it was new")
        self.debits[key] = amount
        self.last_debit = key, body, answer.content
        self.seen["unheard"] += answer.is_replay

    def _send(self, path: str, body: bytes, key: str | None = None) -> Answer:
        headers = self.headers if key is None else {**self.headers, "Idempotency-Key": key}
        sends = 0
        while True:
            sends += 1
            try:
                answer = self.http.post(path, content=body, headers=headers)
            except httpx2.TransportError as error:
                if isinstance(error, httpx2.ConnectError):
                    sends -= 1  # nothing was sent
                else:
                    self.seen["cut"] += 1
            else:
                if answer.is_success:
                    self.seen["requests"] += 1
                    self.seen["resent"] += sends > 1
                    replay = answer.headers.get("idempotent-replayed") == "true"
                    return Answer(answer.content, replay, sends)
                if answer.status_code != 503:
                    raise Wrong(f"{answer.status_code} {answer.text}")
                self.seen["busy"] += 1
            time.sleep(PAUSE_S)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(server: Server, cycles: int) -> Report:
    """Kill a fresh server so many times, let it live, and return what became of it.

    `events` and `debits` were sent, each under its key, in `requests` that were answered; `cut`
    counts sends without an answer. Requests `resent` had been cut off or told to come again
    (`busy`), and `unheard` of them had been stored before. `duplicates` are events and debits
    that were answered as known.
    """
    began = time.monotonic()
    port = lasting_port()
    server.start(port)
    prepare(server.url, server.key)
    with Tallybook(server.key, base_url=server.url) as client:
        wallet = client.wallets.get_or_create(customer_external_id=CUSTOMER, currency="USD")
        wallet.top_up(amount=MONEY)
    server.kill()
    stop, chance = threading.Event(), random.Random(cycles)
    senders = [Sender(number, server.url, server.key, wallet.id, stop) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    for cycle in range(1, cycles + 1):
        server.start(port)
        time.sleep(chance.uniform(*LIVES_S))
        server.kill()
        if cycle % 10 == 0:
            _say(f"cycle {cycle}: {sum(len(one.events) for one in senders)} events")
    server.start(port)
    stop.set()
    deadline = time.monotonic() + DRAIN_S_MAX
    for sender in senders:
        sender.join(max(0, deadline - time.monotonic()))
    report = _report(server, senders, wallet.id)
    server.stop()
    report["wrong"] += server.faults()
    report |= {
        "ok": not report["wrong"],
        "cycles": cycles,
        "minutes": round((time.monotonic() - began) / 60, 1),
    }
    return report


def _report(server: Server, senders: list[Sender], wallet_id: str) -> Report:
    wrong = [one.wrong for one in senders if one.wrong is not None]
    wrong += [f"sender {one.number} is not done" for one in senders if one.is_alive()]
    events = [event for one in senders for event in one.events.values()]
    debits = [amount for one in senders for amount in one.debits.values()]
    expected = {
        "events": len(events),
        "quantity": sum(int(event["quantity"]) for event in events),
        "balance": MONEY - sum(debits),
        "verify": True,
    }
    today = datetime.now(UTC).date()
    with Tallybook(server.key, base_url=server.url, timeout=300) as client:
        found = client.usage.get_aggregated_usage(
            customer_external_id=CUSTOMER,
            start_date=today - timedelta(days=1),
            end_date=today + timedelta(days=1),
        ).items
        balance = client.wallets.get(wallet_id).balance
    actual = {
        "events": sum(item.events for item in found),
        "quantity": sum(item.quantity for item in found),
        "balance": balance,
        "verify": json.loads(server.command("verify", "--json", check=False))["ok"],
    }
    for name, want in expected.items():
        if actual[name] != want:
            wrong.append(f"{name}: should be {want}, is {actual[name]}")
    seen = sum((one.seen for one in senders), Counter[str]())
    names = ("requests", "cut", "busy", "resent", "unheard", "duplicates")
    return {
        "wrong": wrong,
        "events": len(events),
        "debits": len(debits),
        **{name: seen[name] for name in names},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    database = nullcontext(None) if given.database == "sqlite" else postgres()
    with tempfile.TemporaryDirectory() as temporary, database as url:
        report = run(Server(Path(temporary) / "data", database=url), given.cycles)
    report = {"database": given.database, **report}
    if given.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            print(f"{name:<12} {value}")
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
