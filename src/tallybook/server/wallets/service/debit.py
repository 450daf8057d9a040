"""Credit goes out: deducted, paid with, taken back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.kernel.money import (
    ZERO,
    from_micro_units,
    minor_units,
    plain,
    require_minor_units,
)
from tallybook.server.ledger import service as ledger
from tallybook.server.ledger.models import AccountKind
from tallybook.server.ledger.rules.postings import to_ledger
from tallybook.server.ledger.rules.prints import print_of
from tallybook.server.payments.errors import NotAnAmount
from tallybook.server.storage import Tx
from tallybook.server.wallets.errors import (
    InsufficientWalletBalance,
    NotACreditAmount,
    WalletCurrencyMismatch,
    WalletNotFound,
)
from tallybook.server.wallets.models import (
    Burn,
    CreditType,
    Done,
    Transaction,
    TransactionType,
    Wallet,
    WalletPayment,
)
from tallybook.server.wallets.rules.books import Books
from tallybook.server.wallets.rules.burn_down import burn_down, credits_worth
from tallybook.server.wallets.rules.units import credits_to_pay, money_of, value_of
from tallybook.server.wallets.store import grants, wallets

from . import holding
from .lookup import claim, get, get_transaction


def deduct(
    tx: Tx,
    space: SpaceId,
    wallet_id: str,
    *,
    amount: Decimal,
    key: str,
    at: datetime,
    description: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    source: str = "api",
) -> Done:
    """Take credits, in burn order; below zero only where the wallet allows it.

    Errors: WalletNotFound; InsufficientWalletBalance; KeyReused; NotACreditAmount.
    """
    fields: dict[str, Any] = {"wallet_id": wallet_id, "amount": amount}
    fields |= {"description": description, "metadata": dict(metadata or {})}
    line_id = new_id("wtx")
    before = claim(tx, space, "wallet.deduct", key, fields, transaction_id=line_id, at=at)
    if before is not None:
        return before
    if amount <= 0:
        raise NotACreditAmount()
    credits = to_ledger(amount)
    held = holding.hold(tx, space, wallet_id, at)
    wallet, books = held.wallet, Books(held.wallet)
    burns, short = burn_down(list(held.grants.values()), credits, at)
    if short and not wallet.allow_negative_balance:
        raise _insufficient(wallet, amount)
    holding.take(tx, space, held, burns)
    owed = value_of(short, wallet.conversion_rate)
    face = value_of(credits, wallet.conversion_rate)
    postings = books.take(burns, AccountKind.SPENT)
    postings += books.use(face=face - owed, value=_value(burns), into=AccountKind.REVENUE)
    postings += [*books.overdraw(short), *books.owe(owed)]
    line = _line(
        wallet,
        TransactionType.DEDUCTION,
        burns if not short else [],
        credits=credits,
        amount=money_of(credits, wallet.conversion_rate, wallet.currency),
        at=at,
        description=description,
        idempotency_key=key,
        metadata=dict(metadata or {}),
        source=source,
    )
    line = replace(line, id=line_id)
    line = holding.move(
        tx,
        space,
        held,
        line,
        key=f"wallet.deduct:{key}",
        postings=postings,
        floor_micros=None if wallet.allow_negative_balance else 0,
        overdraft_value_micros=owed,
    )
    return Done(line, held.wallet, live=list(held.grants.values()))


@dataclass(frozen=True, slots=True)
class _Part:
    held: holding.Held
    amount: Decimal


def pay_from(
    tx: Tx,
    space: SpaceId,
    customer_id: str,
    currency: str,
    amount: Decimal,
    *,
    key: str,
    at: datetime,
    wallet_id: str | None = None,
    invoice_id: str | None = None,
    reference: str | None = None,
    description: str | None = None,
    into: AccountKind = AccountKind.RECEIVABLE,
    source: str = "billing",
) -> list[WalletPayment]:
    """Pay an amount of money with credit, all or nothing: the default wallet, then by name.

    Holds: only alive credit is spent, in burn order, and never below zero. A key that paid
    before pays nothing again, and returns what it paid. The money goes against `into`.
    Errors: InsufficientWalletBalance (with `required` and `available` in money); WalletNotFound;
    WalletCurrencyMismatch; KeyReused.
    """
    print_ = print_of(
        {"customer": customer_id, "currency": currency, "amount": amount, "wallet": wallet_id}
    )
    done = ledger.find_request(tx, space, operation="wallet.pay", key=key, fingerprint=print_)
    if done is not None:
        return [_payment(tx, space, transaction_id) for transaction_id in done.split(",")]
    if amount <= 0:
        raise NotAnAmount()
    require_minor_units(amount, currency)
    of = _payers(tx, space, customer_id, currency, wallet_id)
    held = holding.hold_all(tx, space, [wallet.id for wallet in of], at)
    parts = _divide([held[wallet.id] for wallet in of], amount, currency, wallet_id)
    about = {
        "invoice_id": invoice_id,
        "reference": reference,
        "description": description,
        "source": source,
        "idempotency_key": key,
    }
    lines = [_pay(tx, space, part, key=key, at=at, into=into, about=about) for part in parts]
    ledger.keep_request(
        tx,
        space,
        operation="wallet.pay",
        key=key,
        fingerprint=print_,
        object_id=",".join(line.id for line in lines),
        at=at,
    )
    return [_shown(line, currency) for line in lines]


def _payers(
    tx: Tx, space: SpaceId, customer_id: str, currency: str, wallet_id: str | None
) -> list[Wallet]:
    if wallet_id is None:
        return wallets.list_of(tx, space, customer_id, currency)
    wallet = get(tx, space, wallet_id)
    if wallet.customer_id != customer_id:
        raise WalletNotFound(wallet_id=wallet_id)
    if wallet.currency != currency:
        raise WalletCurrencyMismatch(
            wallet_id=wallet_id, wallet_currency=wallet.currency, currency=currency
        )
    return [wallet]


def _divide(
    payers: Sequence[holding.Held], amount: Decimal, currency: str, wallet_id: str | None
) -> list[_Part]:
    """Return what each wallet pays. Errors: InsufficientWalletBalance."""
    parts, left, available = [], amount, ZERO
    for held in payers:
        wallet = held.wallet
        there = money_of(max(0, wallet.balance_micros), wallet.conversion_rate, currency)
        available += there
        if part := min(left, there):
            parts.append(_Part(held, part))
            left -= part
    if left:
        first = payers[0].wallet.id if payers else None
        raise InsufficientWalletBalance(
            required=plain(amount),
            available=plain(available),
            currency=currency,
            wallet_id=wallet_id or first,
        )
    return parts


def _pay(
    tx: Tx,
    space: SpaceId,
    part: _Part,
    *,
    key: str,
    at: datetime,
    into: AccountKind,
    about: Mapping[str, Any],
) -> Transaction:
    held, wallet, books = part.held, part.held.wallet, Books(part.held.wallet)
    face = to_ledger(part.amount)
    credits = credits_to_pay(face, wallet.conversion_rate)
    burns, short = burn_down(list(held.grants.values()), credits, at)
    if short:
        raise InsufficientWalletBalance(wallet_id=wallet.id, currency=wallet.currency)
    holding.take(tx, space, held, burns)
    value = _value(burns)
    purchased = _floored(min(value, face), wallet.currency)
    postings = books.take(burns, AccountKind.SPENT)
    postings += books.use(face=face, value=value, into=into)
    line = _line(
        wallet,
        TransactionType.PAYMENT,
        burns,
        credits=credits,
        amount=part.amount,
        at=at,
        purchased=purchased,
        **about,
    )
    return holding.move(
        tx,
        space,
        held,
        line,
        key=f"wallet.pay:{key}:{wallet.id}",
        postings=postings,
        floor_micros=0,
    )


def refundable(tx: Tx, space: SpaceId, payment_id: str, currency: str) -> Decimal:
    """Return the money in what a payment bought and is not spent."""
    left = sum(grant.value_micros for grant in grants.list_paid_by(tx, space, payment_id))
    return _floored(left, currency)


def hold_bought(tx: Tx, space: SpaceId, payment_id: str, at: datetime) -> dict[str, holding.Held]:
    """Hold the wallets in which a payment's credit is."""
    bought = grants.list_paid_by(tx, space, payment_id)
    return holding.hold_all(tx, space, {grant.wallet_id for grant in bought}, at)


def take_back(
    tx: Tx, space: SpaceId, payment_id: str, amount: Decimal, *, key: str, at: datetime
) -> list[Transaction]:
    """Take back the unspent credits that an amount of a payment bought; the money is unapplied.

    Errors: InsufficientWalletBalance (more than `refundable`).
    """
    held = hold_bought(tx, space, payment_id, at)
    left, lines = to_ledger(amount), []
    bought = [g for one in held.values() for g in one.grants.values() if g.value_micros > 0]
    mine = [grant for grant in bought if grant.payment_id == payment_id]
    for grant in sorted(mine, key=lambda grant: grant.id, reverse=True):
        value = min(left, grant.value_micros)
        if value == 0:
            continue
        left -= value
        lines.append(_return(tx, space, held[grant.wallet_id], grant.id, value, key=key, at=at))
    if left:
        raise InsufficientWalletBalance(payment_id=payment_id)
    return lines


def _return(
    tx: Tx, space: SpaceId, held: holding.Held, grant_id: str, value: int, *, key: str, at: datetime
) -> Transaction:
    wallet, books, grant = held.wallet, Books(held.wallet), held.grants[grant_id]
    credits = credits_worth(grant, value)
    rest = grant.value_micros - value if credits == grant.remaining_micros else 0
    burn = Burn(grant.id, grant.credit_type, credits, value + rest)
    holding.take(tx, space, held, [burn])
    line = _line(
        wallet,
        TransactionType.REFUND,
        [burn],
        credits=credits,
        amount=_floored(value, wallet.currency),
        at=at,
        source="refund",
        idempotency_key=key,
        payment_id=grant.payment_id,
    )
    return holding.move(
        tx,
        space,
        held,
        line,
        key=f"wallet.refund:{key}:{grant.id}",
        postings=[
            *books.take([burn], AccountKind.RETURNED),
            *books.unsell(value),
            *books.drop(rest),  # less than the smallest part of a credit
        ],
        floor_micros=0,
    )


def _insufficient(wallet: Wallet, credits: Decimal) -> InsufficientWalletBalance:
    return InsufficientWalletBalance(
        required=plain(credits),
        available=plain(from_micro_units(wallet.balance_micros)),
        currency=wallet.currency,
        wallet_id=wallet.id,
    )


def _value(burns: Sequence[Burn]) -> int:
    return sum(burn.value_micros for burn in burns)


def _line(
    wallet: Wallet,
    type: TransactionType,
    burns: Sequence[Burn],
    *,
    credits: int,
    amount: Decimal,
    at: datetime,
    **about: Any,
) -> Transaction:
    kinds: set[CreditType] = {burn.credit_type for burn in burns}
    grant_ids = {burn.grant_id for burn in burns}
    return Transaction(
        id=new_id("wtx"),
        wallet_id=wallet.id,
        type=type,
        credit_type=kinds.pop() if len(kinds) == 1 else None,
        amount=-amount,
        credits_micros=-credits,
        balance_after_micros=wallet.balance_micros - credits,
        created_at=at,
        grant_id=grant_ids.pop() if len(grant_ids) == 1 else None,
        **about,
    )


def _payment(tx: Tx, space: SpaceId, transaction_id: str) -> WalletPayment:
    line = get_transaction(tx, space, transaction_id)
    return _shown(line, get(tx, space, line.wallet_id).currency)


def _shown(line: Transaction, currency: str) -> WalletPayment:
    amount = _exactly(-line.amount, currency)
    purchased = _exactly(line.purchased, currency)
    return WalletPayment(
        wallet_id=line.wallet_id,
        transaction_id=line.id,
        amount=amount,
        purchased=purchased,
        free=amount - purchased,
        credits=from_micro_units(-line.credits_micros),
        currency=currency,
    )


def _floored(micros: int, currency: str) -> Decimal:
    step = Decimal(1).scaleb(-minor_units(currency))
    return from_micro_units(micros).quantize(step, rounding=ROUND_FLOOR)


def _exactly(amount: Decimal, currency: str) -> Decimal:
    return require_minor_units(amount, currency)
