"""Facts of the ledger."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tallybook.server.kernel.ids import SpaceId


class AccountKind(StrEnum):
    """What an account keeps. In money, an amount above zero is a debit."""

    # In money, per customer and currency; the project's own account is their sum.
    CASH = "cash"  # what came in from outside, less what was paid out
    RECEIVABLE = "receivable"  # what is invoiced and not paid
    UNAPPLIED = "unapplied"  # received, and not yet put to an invoice or a wallet
    CUSTOMER_CREDIT = "customer_credit"  # owed as purchased credit that is not spent
    OVERDRAFT = "overdraft"  # owed to us for credits spent below zero
    REVENUE = "revenue"
    TAX = "tax"
    PROMOTIONAL_EXPENSE = "promotional_expense"  # spent credit that nobody paid for
    BREAKAGE = "breakage"  # purchased credit that can no longer be spent

    # In credits, per wallet. The first two add up to the wallet's balance.
    GRANT = "grant"  # the unspent credits of one grant
    WALLET_OVERDRAFT = "wallet_overdraft"  # never above zero
    ISSUED = "issued"
    SPENT = "spent"
    EXPIRED = "expired"
    RETURNED = "returned"  # credits of a refunded payment


@dataclass(frozen=True, slots=True)
class Account:
    """An account, found by what it is; it comes into being with its first posting."""

    kind: AccountKind
    unit: str  # a currency, or `credits_unit(wallet)`
    customer_id: str
    object_id: str = ""  # the grant, where there is one account for each

    @property
    def name(self) -> str:
        return f"{self.customer_id}|{self.unit}|{self.kind}|{self.object_id}"


def credits_unit(wallet_id: str) -> str:
    """Return the unit in which a wallet's credits are counted: they mix with no other's."""
    return f"credits:{wallet_id}"


@dataclass(frozen=True, slots=True)
class Posting:
    account: Account
    amount_micros: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a transaction, as it stands in the account."""

    account: Account
    amount_micros: int
    balance_before_micros: int
    balance_after_micros: int
    version: int  # rises by one with each entry of an account


@dataclass(frozen=True, slots=True)
class Transaction:
    id: str
    key: str
    kind: str
    reference: str
    at: datetime
    entries: tuple[Entry, ...]
    replayed: bool = False  # the key was posted before: this is what it did then


@dataclass(frozen=True, slots=True)
class Total:
    """One of the project's accounts: the sum of that kind over all customers."""

    kind: AccountKind
    unit: str
    balance_micros: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Two numbers that should be one. Nothing repairs it by itself."""

    space: SpaceId
    check: str
    subject_id: str
    expected: int
    actual: int
