"""What makes deductions quick, and must not make them wrong."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.ledger import service as ledger
from tallybook.server.ledger.errors import KeyReused
from tallybook.server.storage import Database, Tx
from tallybook.server.wallets import service as wallets
from tallybook.server.wallets.store import wallets as store
from tallybook.server.webhooks.sender import Sender
from tests.conftest import NOW, Home

from .steps import DAY, Desk

STATEMENTS_MAX = {"sqlite": 13, "postgresql": 14}  # of one deduction; each costs 0.05 to 0.3 ms


def deduct(api: TestClient, wallet: str, key: str, amount: str = "1") -> dict[str, Any]:
    path, headers = f"/wallets/{wallet}/deductions", {"Idempotency-Key": key}
    answer = api.post(path, json={"amount": amount}, headers=headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def wallet(db: Database, home: Home) -> str:
    desk = Desk.open(db, home.live.id)
    opened = desk.default()
    desk.top_up(opened, "100")
    return opened


def test_a_deduction_asks_the_database_little(
    api: TestClient, db: Database, wallet: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):  # what is done once is done
        deduct(api, wallet, f"warm {number}")
    asked = []
    prepare = Tx._prepare

    def counted(tx: Tx, *given: Any) -> Any:
        asked.append(given)
        return prepare(tx, *given)

    monkeypatch.setattr(Tx, "_prepare", counted)
    deduct(api, wallet, "counted")
    assert 0 < len(asked) <= STATEMENTS_MAX["sqlite" if db.is_sqlite else "postgresql"]


def test_the_answer_is_what_a_reader_is_told(desk: Desk) -> None:
    wallet = desk.wallet(allow_negative_balance=True)
    desk.grant(wallet, "10", expires_at=NOW + DAY)
    desk.grant(wallet, "20", effective_at=NOW + DAY / 2, expires_at=NOW + 2 * DAY)
    desk.grant(wallet, "40", effective_at=NOW + 3 * DAY)
    for hours, amount in ((1, "3"), (13, "5"), (30, "6"), (60, "7"), (80, "1"), (100, "50")):
        desk.at = NOW + timedelta(hours=hours)
        done = desk.deduct(wallet, amount)
        for later in (desk.at, desk.at + DAY, desk.at + 9 * DAY):
            known, read = (
                desk.db.read(
                    lambda tx, one=one, at=later: wallets.credits_after(tx, desk.space, one, at=at)
                )
                for one in (done, replace(done, live=None))
            )
            assert (done.live is not None, known) == (True, read)


def test_the_wallet_after_a_move_is_the_one_in_the_database(desk: Desk) -> None:
    wallet = desk.wallet(allow_negative_balance=True)
    desk.top_up(wallet, "5")
    done = desk.deduct(wallet, "7.25")
    assert done.wallet == desk.db.read(lambda tx: wallets.get(tx, desk.space, wallet))
    desk.top_up(wallet, "50")
    stale = done.wallet  # held by nobody, so not moved

    def move(tx: Tx) -> Any:
        return store.move_balance(
            tx,
            desk.space,
            stale,
            credits_micros=1,
            overdraft_value_micros=0,
            floor_micros=None,
            at=NOW,
        )

    assert desk.write(move) is None


def test_an_event_names_the_customer_as_it_is_now(
    api: TestClient, db: Database, home: Home, wallet: str
) -> None:
    desk = Desk(db, home.live.id, "")
    customer = deduct(api, wallet, "a")["wallet"]["customer_id"]
    assert desk.events()[-1][1]["customer_external_id"] == "ext-Acme"
    api.patch(f"/customers/{customer}", json={"external_id": "renamed"})
    deduct(api, wallet, "b")
    assert desk.events()[-1][1]["customer_external_id"] == "renamed"


def test_deductions_leave_what_readers_remember(
    api: TestClient, db: Database, wallet: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deduct(api, wallet, "a")
    loads = []
    real = Tx.remember

    def counted(tx: Tx, key: Any, load: Any) -> Any:
        return real(tx, key, lambda: (loads.append(key), load())[1])

    monkeypatch.setattr(Tx, "remember", counted)
    deduct(api, wallet, "b")
    assert asyncio.run(Sender(db)._step())  # what was announced is published
    deduct(api, wallet, "c")
    assert loads == []


def test_a_claimed_key_stands_for_one_request(db: Database, space: SpaceId) -> None:
    def claim(object_id: str, fingerprint: bytes = b"x") -> str | None:
        return db.write(
            lambda tx: ledger.claim_request(
                tx,
                space,
                operation="op",
                key="k",
                fingerprint=fingerprint,
                object_id=object_id,
                at=NOW,
            )
        ).result()

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(claim, [f"o_{number}" for number in range(20)]))
    assert found.count(None) == 1
    assert set(found) == {None, f"o_{found.index(None)}"}
    with pytest.raises(KeyReused):
        claim("o_99", b"y")
