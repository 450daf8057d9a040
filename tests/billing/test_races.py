"""Two at once on one invoice: as if one had come after the other, and the books still balance."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import combinations_with_replacement, count
from typing import Any

import pytest

from tallybook.server.billing import credit_note, refund, take_payment
from tallybook.server.customers import service as customers
from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing.models import InvoiceStatus
from tallybook.server.kernel.errors import Refusal
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.ledger import service as ledger
from tallybook.server.ledger.models import Account, AccountKind
from tallybook.server.payments import service as payments
from tallybook.server.payments.models import PaymentMethod, PaymentStatus
from tallybook.server.storage import Database, Tx
from tallybook.server.wallets import service as wallets
from tests.conftest import NOW
from tests.invoicing.examples import new_line

ROUNDS = int(os.environ.get("TALLYBOOK_TEST_ROUNDS", "6"))
"""More find more; 50 take minutes."""
OPERATIONS = ("finalize", "void", "pay", "refund", "credit")
EXCLUSIVE = {
    ("finalize", "finalize"),
    ("void", "void"),
    ("pay", "pay"),
    ("void", "pay"),
    ("void", "refund"),  # a part of it is paid
    ("refund", "refund"),
    ("credit", "credit"),
    ("void", "credit"),
}
_keys = count(1)


class Books:
    """One customer with a full wallet, and what can be done to its invoices."""

    def __init__(self, db: Database, space: SpaceId) -> None:
        self.db, self.space = db, space
        made = {"name": "Acme", "external_id": "acme"}
        self.customer = self.do(lambda tx: customers.create(tx, space, made, at=NOW)[0])
        wallet = self.do(
            lambda tx: wallets.get_or_create(tx, space, self.customer.id, "USD", at=NOW)
        )
        self.do(
            lambda tx: wallets.top_up(
                tx, space, wallet.id, amount=Decimal(100_000), key="start", at=NOW
            )
        )

    def do(self, work: Callable[[Tx], Any]) -> Any:
        return self.db.write_now(work)

    def begin(self, pair: tuple[str, str]) -> tuple[str, str | None]:
        """Make an invoice of 10 in the state that the pair wants; with its payment, if any."""
        draft = self.do(
            lambda tx: invoicing.create_manual(
                tx, self.space, customer=self.customer, lines=[new_line(10)], terms=(), at=NOW
            )
        )
        if "finalize" in pair:
            return draft.id, None
        self.do(lambda tx: invoicing.finalize(tx, self.space, draft.id, at=NOW))
        if "refund" not in pair:
            return draft.id, None
        whole = Decimal(4) if pair in {("void", "refund"), ("pay", "refund")} else Decimal(10)
        payment, _ = self.do(
            lambda tx: take_payment.receive(
                tx,
                self.space,
                invoice_id=draft.id,
                customer_id=self.customer.id,
                amount=whole,
                currency="USD",
                status=PaymentStatus.COMPLETED,
                payment_method=PaymentMethod.CASH,
                key=f"key-{next(_keys)}",
                at=NOW,
            )
        )
        return draft.id, payment.id

    def operation(self, name: str, invoice: str, payment: str | None) -> Callable[[Tx], Any]:
        key = f"key-{next(_keys)}"
        space = self.space
        match name:
            case "finalize":
                return lambda tx: invoicing.finalize(tx, space, invoice, at=NOW)
            case "void":
                return lambda tx: invoicing.void(tx, space, invoice, reason="r", at=NOW)
            case "pay":
                return lambda tx: take_payment.pay_invoice(tx, space, invoice, key=key, at=NOW)
            case "refund":
                paid = payment or "pay_none"
                return lambda tx: refund.refund_payment(tx, space, paid, key=key, at=NOW)
            case _:
                return lambda tx: credit_note.credit(tx, space, invoice, reason="r", at=NOW)

    def race(self, pool: ThreadPoolExecutor, works: list[Callable[[Tx], Any]]) -> list[Any]:
        barrier = threading.Barrier(len(works))

        def run(work: Callable[[Tx], Any]) -> Any:
            barrier.wait()
            try:
                return self.do(work)
            except Refusal as refusal:
                return refusal

        return [future.result() for future in [pool.submit(run, work) for work in works]]


@pytest.fixture(scope="module")
def pool() -> Any:
    with ThreadPoolExecutor(2) as made:
        yield made


PAIRS = [
    pair
    for pair in combinations_with_replacement(OPERATIONS, 2)
    if pair not in {("finalize", "refund")}  # a draft has no payment
]


def test_one_wins_and_the_books_balance(
    db: Database, space: SpaceId, pool: ThreadPoolExecutor
) -> None:
    books = Books(db, space)
    for pair in PAIRS:
        for _ in range(ROUNDS):
            invoice, payment = books.begin(pair)
            done = books.race(pool, [books.operation(name, invoice, payment) for name in pair])
            won = sum(not isinstance(one, Refusal) for one in done)
            assert 1 <= won <= (1 if pair in EXCLUSIVE else 2), (pair, done)
            after = db.read(lambda tx, i=invoice: invoicing.get(tx, space, i))
            assert after.amount_paid + after.amount_credited <= after.total
            if after.status is InvoiceStatus.VOID:
                assert (after.amount_paid, after.amount_credited) == (0, 0)
    assert db.read(lambda tx: ledger.verify(tx, space)) == []
    assert db.read(lambda tx: payments.verify(tx, space)) == []
    assert db.read(lambda tx: wallets.verify(tx, space)) == []
    open_ones = db.read(lambda tx: invoicing.list_payable(tx, space, limit=1_000))
    receivable = Account(AccountKind.RECEIVABLE, "USD", books.customer.id)
    owed = sum(int(invoice.amount_due * 1_000_000) for invoice in open_ones)
    assert db.read(lambda tx: ledger.get_balance(tx, space, receivable)) == owed
