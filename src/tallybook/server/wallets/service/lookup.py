"""Find wallets, and tell what is in them at a time."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from tallybook.server.customers import service as customers
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.kernel.money import ZERO, from_micro_units, minor_units
from tallybook.server.ledger import service as ledger
from tallybook.server.ledger.rules.prints import print_of
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows
from tallybook.server.wallets.errors import WalletNotFound
from tallybook.server.wallets.models import Balance, CreditType, Done, Transaction, Wallet
from tallybook.server.wallets.rules import lives
from tallybook.server.wallets.rules.units import money_of
from tallybook.server.wallets.store import grants, transactions, wallets

from .currencies import ensure_currency
from .holding import line_of

DEFAULT_NAME = "Default"
from_row = wallets.from_row
transaction_from_row = transactions.from_row


def get(tx: Tx, space: SpaceId, wallet_id: str) -> Wallet:
    """Errors: WalletNotFound."""
    wallet = wallets.find(tx, space, wallet_id)
    if wallet is None:
        raise WalletNotFound(wallet_id=wallet_id)
    return wallet


def get_or_create(
    tx: Tx, space: SpaceId, customer_id: str, currency: str, *, at: datetime
) -> Wallet:
    """Return the customer's default wallet in a currency; its rate is 1.

    Errors: CustomerNotFound; UnknownCurrency.
    """
    found = wallets.find_default(tx, space, customer_id, currency)
    if found is not None:
        return found
    minor_units(currency)
    customer = customers.get(tx, space, customer_id)
    ensure_currency(tx, space, currency, at=at)
    wallet = new_wallet(customer.id, DEFAULT_NAME, currency, at=at)
    if wallets.add(tx, space, replace(wallet, is_default=True)):
        return replace(wallet, is_default=True)
    made_meanwhile = wallets.find_default(tx, space, customer_id, currency)
    assert made_meanwhile is not None
    return made_meanwhile


def purchased_in_payments(
    tx: Tx, space: SpaceId, invoice_id: str, wallet_ids: Collection[str]
) -> Decimal:
    """Return how much of what wallets paid for an invoice the customer had paid for."""
    micros = transactions.sum_purchased(tx, space, invoice_id, wallet_ids=wallet_ids)
    return from_micro_units(micros)


def find_default(tx: Tx, space: SpaceId, customer_id: str, currency: str) -> Wallet | None:
    return wallets.find_default(tx, space, customer_id, currency)


def new_wallet(customer_id: str, name: str, currency: str, *, at: datetime) -> Wallet:
    """Return an empty wallet at rate 1, not stored yet."""
    return Wallet(
        id=new_id("wal"),
        customer_id=customer_id,
        name=name,
        description=None,
        currency=currency,
        conversion_rate=Decimal(1),
        is_default=False,
        balance_micros=0,
        overdraft_value_micros=0,
        allow_negative_balance=False,
        auto_recharge_enabled=False,
        auto_recharge_threshold_micros=None,
        auto_recharge_amount_micros=None,
        created_at=at,
        updated_at=at,
    )


def list_page(tx: Tx, space: SpaceId, page: PageRequest, *, customer_id: str | None = None) -> Rows:
    return wallets.list_page(tx, space, page, customer_id=customer_id)


def list_of(tx: Tx, space: SpaceId, customer_id: str, currency: str | None = None) -> list[Wallet]:
    """Return a customer's wallets in the order of paying: the default first, then by name."""
    return wallets.list_of(tx, space, customer_id, currency)


def keep_empty(tx: Tx, space: SpaceId, customer_ids: Sequence[str]) -> None:
    """Note for gathered work which customers have no wallet at all."""
    wallets.keep_empty(tx, space, customer_ids)


def get_balance(tx: Tx, space: SpaceId, wallet_id: str, *, at: datetime) -> Balance:
    """Return what can be spent at a time. Errors: WalletNotFound."""
    wallet = get(tx, space, wallet_id)
    return balances(tx, space, [wallet], at=at)[wallet.id]


def balances(tx: Tx, space: SpaceId, of: Collection[Wallet], *, at: datetime) -> dict[str, Balance]:
    """Return the balance of each wallet at a time, whether due work has caught up or not."""
    live = grants.list_live(tx, space, [wallet.id for wallet in of])
    found = {}
    for wallet in of:
        total, by_type = lives.balance_as_of(wallet.balance_micros, live[wallet.id], at)
        found[wallet.id] = Balance(wallet, total, by_type, at)
    return found


def credits_after(tx: Tx, space: SpaceId, done: Done, *, at: datetime) -> int:
    """Return what can be spent of a wallet at a time, right after an operation."""
    wallet = done.wallet
    if done.live is None:
        return balances(tx, space, [wallet], at=at)[wallet.id].credits_micros
    return lives.balance_as_of(wallet.balance_micros, done.live, at)[0]


def available(tx: Tx, space: SpaceId, customer_id: str, currency: str, *, at: datetime) -> Decimal:
    """Return the money that a customer's wallets in a currency can pay."""
    of = wallets.list_of(tx, space, customer_id, currency)
    found = balances(tx, space, of, at=at)
    return sum((_payable(balance) for balance in found.values()), ZERO)


def has_purchased(tx: Tx, space: SpaceId, customer_id: str, *, at: datetime) -> bool:
    """Tell whether a customer has credit left that was paid for."""
    of = wallets.list_of(tx, space, customer_id, None)
    found = balances(tx, space, of, at=at).values()
    return any(balance.by_credit_type[CreditType.PURCHASED] > 0 for balance in found)


def totals(tx: Tx, space: SpaceId, *, at: datetime) -> dict[str, tuple[int, Decimal]]:
    """Return per currency how many wallets there are, and the money in them."""
    of = [wallet for _, wallet in wallets.list_all(tx, space)]
    found: dict[str, tuple[int, Decimal]] = {}
    for start in range(0, len(of), 500):
        part = of[start : start + 500]
        for balance in balances(tx, space, part, at=at).values():
            wallet = balance.wallet
            count, total = found.get(wallet.currency, (0, ZERO))
            money = money_of(balance.credits_micros, wallet.conversion_rate, wallet.currency)
            found[wallet.currency] = (count + 1, total + money)
    return found


def list_transactions(tx: Tx, space: SpaceId, wallet_id: str, page: PageRequest) -> Rows:
    """Return the statement, the latest first."""
    return transactions.list_page(tx, space, wallet_id, page)


def get_transaction(tx: Tx, space: SpaceId, transaction_id: str) -> Transaction:
    """Return a line of a statement, or the one that a grant will make when it lands."""
    line = transactions.find(tx, space, transaction_id)
    if line is not None:
        return line
    grant = grants.find_by_transaction(tx, space, transaction_id)
    assert grant is not None
    return line_of(grant, get(tx, space, grant.wallet_id))


def earlier(
    tx: Tx, space: SpaceId, operation: str, key: str, fields: Mapping[str, object]
) -> Done | None:
    """Return what a key did before, with the wallet as it is now. Errors: KeyReused."""
    print_ = print_of(fields)
    done = ledger.find_request(tx, space, operation=operation, key=key, fingerprint=print_)
    return None if done is None else _replayed(tx, space, done)


def claim(
    tx: Tx,
    space: SpaceId,
    operation: str,
    key: str,
    fields: Mapping[str, object],
    *,
    transaction_id: str,
    at: datetime,
) -> Done | None:
    """Remember for ever what a key is about to do, or return what it did. Errors: KeyReused."""
    done = ledger.claim_request(
        tx,
        space,
        operation=operation,
        key=key,
        fingerprint=print_of(fields),
        object_id=transaction_id,
        at=at,
    )
    return None if done is None else _replayed(tx, space, done)


def _replayed(tx: Tx, space: SpaceId, transaction_id: str) -> Done:
    line = get_transaction(tx, space, transaction_id)
    return Done(line, get(tx, space, line.wallet_id), replayed=True)


def keep(
    tx: Tx,
    space: SpaceId,
    operation: str,
    key: str,
    fields: Mapping[str, object],
    line: Transaction,
) -> None:
    """Remember for ever what a key did."""
    ledger.keep_request(
        tx,
        space,
        operation=operation,
        key=key,
        fingerprint=print_of(fields),
        object_id=line.id,
        at=line.created_at,
    )


def _payable(balance: Balance) -> Decimal:
    wallet = balance.wallet
    credits = max(0, balance.credits_micros)
    return money_of(credits, wallet.conversion_rate, wallet.currency)
