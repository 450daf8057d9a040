"""What the tests of wallets do, in short words. Amounts are texts: `"12.50"`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar

from sqlalchemy import select

from tallybook.server.billing import refund
from tallybook.server.customers import service as customers
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.ledger import service as ledger
from tallybook.server.ledger.models import AccountKind
from tallybook.server.payments import service as payments
from tallybook.server.payments.models import Payment
from tallybook.server.storage import Database, Tx
from tallybook.server.storage.pages import PageRequest
from tallybook.server.storage.tables import outbox
from tallybook.server.wallets import service as wallets
from tallybook.server.wallets.models import CreditType, Done, Transaction, WalletPayment
from tallybook.server.wallets.rules.units import money_of
from tests.conftest import NOW

T = TypeVar("T")
DAY = timedelta(days=1)
_keys = count(1)


@dataclass(slots=True)
class Desk:
    """One customer's wallets, at a time that the test moves."""

    db: Database
    space: SpaceId
    customer_id: str
    at: datetime = NOW

    @classmethod
    def open(cls, db: Database, space: SpaceId, name: str = "Acme") -> "Desk":
        fields = {"name": name, "external_id": f"ext-{name}"}
        customer, _ = db.write_now(lambda tx: customers.create(tx, space, fields, at=NOW))
        return cls(db, space, customer.id)

    def write(self, work: Callable[[Tx], T]) -> T:
        return self.db.write(work).result()

    def default(self, currency: str = "USD") -> str:
        return self.write(
            lambda tx: (
                wallets.get_or_create(tx, self.space, self.customer_id, currency, at=self.at).id
            )
        )

    def wallet(self, name: str = "Extra", **fields: Any) -> str:
        return self.write(
            lambda tx: (
                wallets.create(
                    tx, self.space, customer_id=self.customer_id, name=name, at=self.at, **fields
                ).id
            )
        )

    def top_up(self, wallet_id: str, amount: str, key: str | None = None, **more: Any) -> Done:
        key = key or f"key-{next(_keys)}"
        return self.write(
            lambda tx: wallets.top_up(
                tx, self.space, wallet_id, amount=Decimal(amount), key=key, at=self.at, **more
            )
        )

    def grant(self, wallet_id: str, amount: str, key: str | None = None, **more: Any) -> Done:
        key = key or f"key-{next(_keys)}"
        return self.write(
            lambda tx: wallets.grant_credit(
                tx, self.space, wallet_id, amount=Decimal(amount), key=key, at=self.at, **more
            )
        )

    def deduct(self, wallet_id: str, amount: str, key: str | None = None, **more: Any) -> Done:
        key = key or f"key-{next(_keys)}"
        return self.write(
            lambda tx: wallets.deduct(
                tx, self.space, wallet_id, amount=Decimal(amount), key=key, at=self.at, **more
            )
        )

    def pay(
        self, amount: str, currency: str = "USD", key: str | None = None, **more: Any
    ) -> list[WalletPayment]:
        key = key or f"key-{next(_keys)}"
        return self.write(
            lambda tx: wallets.pay_from(
                tx,
                self.space,
                self.customer_id,
                currency,
                Decimal(amount),
                key=key,
                at=self.at,
                **more,
            )
        )

    def give_back(
        self, purchased: str = "0", free: str = "0", key: str | None = None, **more: Any
    ) -> list[Transaction]:
        key = key or f"key-{next(_keys)}"
        return self.write(
            lambda tx: wallets.give_back(
                tx,
                self.space,
                self.customer_id,
                "USD",
                purchased=Decimal(purchased),
                free=Decimal(free),
                key=key,
                at=self.at,
                **more,
            )
        )

    def refund(self, payment_id: str, amount: str | None = None, **more: Any) -> Decimal:
        made, _ = self.write(
            lambda tx: refund.refund_payment(
                tx,
                self.space,
                payment_id,
                amount=None if amount is None else Decimal(amount),
                key=more.pop("key", None) or f"key-{next(_keys)}",
                at=self.at,
                **more,
            )
        )
        return made.amount

    def credits(self, wallet_id: str) -> Decimal:
        """The credits as of now, asked as a reader asks."""
        balance = self.db.read(
            lambda tx: wallets.get_balance(tx, self.space, wallet_id, at=self.at)
        )
        return Decimal(balance.credits_micros) / 1_000_000

    def money(self, wallet_id: str) -> Decimal:
        balance = self.db.read(
            lambda tx: wallets.get_balance(tx, self.space, wallet_id, at=self.at)
        )
        wallet = balance.wallet
        return money_of(balance.credits_micros, wallet.conversion_rate, wallet.currency)

    def by_type(self, wallet_id: str) -> dict[str, Decimal]:
        balance = self.db.read(
            lambda tx: wallets.get_balance(tx, self.space, wallet_id, at=self.at)
        )
        return {
            kind.value: Decimal(credits) / 1_000_000
            for kind, credits in balance.by_credit_type.items()
            if credits
        }

    def statement(self, wallet_id: str) -> list[Transaction]:
        """The oldest line first."""
        page = PageRequest(limit=1000, sort="position", order="asc")
        rows = self.db.read(
            lambda tx: wallets.list_transactions(tx, self.space, wallet_id, page).rows
        )
        return [wallets.transaction_from_row(row) for row in rows]

    def payments(self) -> list[Payment]:
        page = PageRequest(limit=1000, order="asc")
        rows = self.db.read(lambda tx: payments.list_page(tx, self.space, page).rows)
        return [payments.from_row(row) for row in rows]

    def books(self) -> dict[str, Decimal]:
        """The project's accounts in money that are not zero."""
        totals = self.db.read(lambda tx: ledger.list_totals(tx, self.space))
        return {
            total.kind.value: Decimal(total.balance_micros) / 1_000_000
            for total in totals
            if total.balance_micros
        }

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        query = select(outbox.c.event, outbox.c.data).where(outbox.c.space_id == self.space)
        rows = self.db.read(lambda tx: tx.execute(query.order_by(outbox.c.position)).all())
        return [(row.event, row.data) for row in rows if not row.event.startswith("customer.")]

    def differences(self) -> list[str]:
        """What `verify` finds; every test ends with none."""
        found = self.db.read(
            lambda tx: [*ledger.verify(tx), *wallets.verify(tx), *payments.verify(tx)]
        )
        return [difference.check for difference in found]


CASH = AccountKind.CASH.value
BONUS, FREE, PURCHASED = CreditType.BONUS, CreditType.FREE, CreditType.PURCHASED
