"""Credit comes in: bought, granted, given back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.kernel.money import ZERO, require_minor_units
from tallybook.server.ledger import service as ledger
from tallybook.server.ledger.models import AccountKind, Posting
from tallybook.server.ledger.rules.postings import to_ledger
from tallybook.server.ledger.rules.prints import print_of
from tallybook.server.payments import service as payments
from tallybook.server.payments.errors import NotAnAmount
from tallybook.server.payments.models import Payment, PaymentSource
from tallybook.server.storage import Tx, due
from tallybook.server.wallets.errors import CreditTypeRefused, NoCredits, NotACreditAmount
from tallybook.server.wallets.models import (
    CreditType,
    Done,
    Grant,
    Transaction,
    TransactionType,
    Wallet,
)
from tallybook.server.wallets.rules import lives
from tallybook.server.wallets.rules.books import Books
from tallybook.server.wallets.rules.units import credits_for, money_of
from tallybook.server.wallets.store import grants

from . import holding
from .lookup import earlier, get_or_create, get_transaction, keep


def top_up(
    tx: Tx,
    space: SpaceId,
    wallet_id: str,
    *,
    amount: Decimal,
    credit_amount: Decimal | None = None,
    credit_type: CreditType = CreditType.PURCHASED,
    reference: str | None = None,
    description: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    key: str,
    at: datetime,
) -> Done:
    """Add credit for money; purchased credit books a completed payment, other types none.

    Holds: a key does this once, for ever.
    Errors: WalletNotFound; KeyReused; TooManyDecimals; NoCredits; AmountTooLarge.
    """
    fields = {
        "wallet_id": wallet_id,
        "amount": amount,
        "credit_amount": credit_amount,
        "credit_type": credit_type.value,
        "reference": reference,
        "description": description,
        "metadata": dict(metadata or {}),
    }
    before = earlier(tx, space, "wallet.top_up", key, fields)
    if before is not None:
        return before
    held = holding.hold(tx, space, wallet_id, at)
    wallet = held.wallet
    money = _money(amount, wallet.currency)
    given = _credits(money, wallet, credit_amount)
    grant = _new_grant(wallet, TransactionType.TOP_UP, credit_type, money, given, at)
    grant = replace(
        grant,
        reference=reference,
        description=description,
        idempotency_key=key,
        metadata=dict(metadata or {}),
    )
    postings: Sequence[Posting] = ()
    if credit_type is CreditType.PURCHASED:
        payment = _book(tx, space, wallet, money, credit_amount, description or reference, at)
        grant, postings = _paid(grant, money, wallet, payment.id, AccountKind.UNAPPLIED)
    line = _add(tx, space, held, grant, at=at, money=postings)
    keep(tx, space, "wallet.top_up", key, fields, line)
    return Done(line, held.wallet)


def _book(
    tx: Tx,
    space: SpaceId,
    wallet: Wallet,
    amount: Decimal,
    credits: Decimal | None,
    description: str | None,
    at: datetime,
) -> Payment:
    """Record the completed payment of a top-up."""
    payment = payments.create(
        tx,
        space,
        customer_id=wallet.customer_id,
        amount=amount,
        currency=wallet.currency,
        source=PaymentSource.TOP_UP,
        wallet_id=wallet.id,
        credits=credits,
        description=description,
        at=at,
    )
    return payments.complete(tx, space, payment.id, at=at)


def grant_credit(
    tx: Tx,
    space: SpaceId,
    wallet_id: str,
    *,
    amount: Decimal,
    credit_type: CreditType = CreditType.FREE,
    reference: str | None = None,
    description: str | None = None,
    priority: int = 0,
    effective_at: datetime | None = None,
    expires_at: datetime | None = None,
    metadata: Mapping[str, Any] | None = None,
    key: str,
    at: datetime,
) -> Done:
    """Give credit that nobody pays for. What becomes effective later lands in the balance then.

    Errors: WalletNotFound; CreditTypeRefused (purchased); GrantNeverAlive; KeyReused; NoCredits.
    """
    fields = {
        "wallet_id": wallet_id,
        "amount": amount,
        "credit_type": credit_type.value,
        "reference": reference,
        "description": description,
        "priority": priority,
        "effective_at": effective_at,
        "expires_at": expires_at,
        "metadata": dict(metadata or {}),
    }
    before = earlier(tx, space, "wallet.grant", key, fields)
    if before is not None:
        return before
    if credit_type is CreditType.PURCHASED:
        raise CreditTypeRefused()
    starts_at = effective_at or at
    lives.check_life(effective_at=starts_at, expires_at=expires_at, at=at)
    held = holding.hold(tx, space, wallet_id, at)
    money = _money(amount, held.wallet.currency)
    given = _credits(money, held.wallet, None)
    grant = replace(
        _new_grant(held.wallet, TransactionType.GRANT, credit_type, money, given, at),
        reference=reference,
        description=description,
        priority=priority,
        effective_at=starts_at,
        expires_at=expires_at,
        idempotency_key=key,
        metadata=dict(metadata or {}),
    )
    line = _add(tx, space, held, grant, at=at)
    keep(tx, space, "wallet.grant", key, fields, line)
    return Done(line, held.wallet)


def start_with(
    tx: Tx, space: SpaceId, wallet_id: str, credits: Decimal, *, at: datetime
) -> Transaction:
    """Give a new wallet its initial credits, free. Errors: NotACreditAmount."""
    if credits <= 0:
        raise NotACreditAmount()
    held = holding.hold(tx, space, wallet_id, at)
    micros = to_ledger(credits)
    amount = money_of(micros, held.wallet.conversion_rate, held.wallet.currency)
    kind, free = TransactionType.GRANT, CreditType.FREE
    grant = replace(_new_grant(held.wallet, kind, free, amount, micros, at), source="initial")
    return _add(tx, space, held, grant, at=at)


def hold_for(tx: Tx, space: SpaceId, payment: Payment, *, at: datetime) -> holding.Held:
    """Hold the wallet that a payment is for: its own, else the customer's default one."""
    wallet_id = payment.wallet_id
    if wallet_id is None:
        wallet_id = get_or_create(tx, space, payment.customer_id, payment.currency, at=at).id
    return holding.hold(tx, space, wallet_id, at)


def credit_payment(
    tx: Tx,
    space: SpaceId,
    payment: Payment,
    *,
    amount: Decimal | None = None,
    at: datetime,
) -> Transaction:
    """Turn a completed payment, or the part of it that nothing else took, into purchased credit.

    The money comes out of unapplied. The wallet is the payment's, else the default one.
    Errors: NoCredits; AmountTooLarge.
    """
    held = hold_for(tx, space, payment, at=at)
    wallet, money = held.wallet, payment.amount if amount is None else amount
    agreed = payment.credits if money == payment.amount else None
    given = _credits(money, wallet, agreed)
    kind, purchased = TransactionType.TOP_UP, CreditType.PURCHASED
    grant = replace(
        _new_grant(wallet, kind, purchased, money, given, at),
        source=payment.source.value,
        description=payment.description,
        reference=payment.external_transaction_id,
    )
    grant, postings = _paid(grant, money, wallet, payment.id, AccountKind.UNAPPLIED)
    return _add(tx, space, held, grant, at=at, money=postings)


def give_back(
    tx: Tx,
    space: SpaceId,
    customer_id: str,
    currency: str,
    *,
    purchased: Decimal = ZERO,
    free: Decimal = ZERO,
    key: str,
    at: datetime,
    wallet_id: str | None = None,
    payment_id: str | None = None,
    reference: str | None = None,
    description: str | None = None,
    instead_of: AccountKind = AccountKind.RECEIVABLE,
    source: str = "billing",
) -> list[Transaction]:
    """Give money back as credit: what was paid for as purchased, the rest as free.

    `instead_of` is the account that owes it: receivable after a credit note. `payment_id` makes
    the purchased part refundable through that payment. A key that did this before does nothing.
    Errors: WalletNotFound; KeyReused; NoCredits.
    """
    operation, asked = "wallet.give_back", (customer_id, currency, purchased, free, wallet_id)
    print_ = print_of({"asked": asked})
    done = ledger.find_request(tx, space, operation=operation, key=key, fingerprint=print_)
    if done is not None:
        return [get_transaction(tx, space, transaction_id) for transaction_id in done.split(",")]
    if purchased < 0 or free < 0 or purchased + free == 0:
        raise NotAnAmount()
    if wallet_id is None:
        wallet_id = get_or_create(tx, space, customer_id, currency, at=at).id
    held = holding.hold(tx, space, wallet_id, at)
    wallet, lines = held.wallet, []
    about: dict[str, Any] = {"reference": reference, "description": description, "source": source}
    for amount, kind in ((purchased, CreditType.PURCHASED), (free, CreditType.FREE)):
        if amount == 0:
            continue
        given = _credits(require_minor_units(amount, currency), wallet, None)
        made = _new_grant(wallet, TransactionType.CREDIT, kind, amount, given, at)
        grant = replace(made, idempotency_key=key, **about)
        postings = Books(wallet).give(to_ledger(amount), instead_of=instead_of)
        if kind is CreditType.PURCHASED:
            grant, postings = _paid(grant, amount, wallet, payment_id, instead_of)
        lines.append(_add(tx, space, held, grant, at=at, money=postings))
    ledger.keep_request(
        tx,
        space,
        operation=operation,
        key=key,
        fingerprint=print_,
        object_id=",".join(line.id for line in lines),
        at=at,
    )
    return lines


def _money(amount: Decimal, currency: str) -> Decimal:
    if amount <= 0:
        raise NotAnAmount()
    to_ledger(amount)
    return require_minor_units(amount, currency)


def _credits(money: Decimal, wallet: Wallet, agreed: Decimal | None) -> int:
    """Return the credits for an amount of money: what was agreed, else by the wallet's rate."""
    if agreed is not None:
        if agreed <= 0:
            raise NotACreditAmount()
        return to_ledger(agreed)
    credits = credits_for(to_ledger(money), wallet.conversion_rate)
    if credits == 0:
        raise NoCredits()
    return credits


def _new_grant(
    wallet: Wallet,
    type: TransactionType,
    credit_type: CreditType,
    amount: Decimal,
    credits_micros: int,
    at: datetime,
) -> Grant:
    return Grant(
        id=new_id("grt"),
        wallet_id=wallet.id,
        credit_type=credit_type,
        credits_micros=credits_micros,
        remaining_micros=credits_micros,
        paid_micros=0,
        value_micros=0,
        priority=0,
        effective_at=at,
        expires_at=None,
        has_landed=False,
        transaction_id=new_id("wtx"),
        type=type,
        amount=amount,
        source="api",
        created_at=at,
    )


def _paid(
    grant: Grant, money: Decimal, wallet: Wallet, payment_id: str | None, paid_from: AccountKind
) -> tuple[Grant, list[Posting]]:
    paid = to_ledger(money)
    bought = replace(grant, paid_micros=paid, value_micros=paid, payment_id=payment_id)
    return bought, Books(wallet).sell(paid, paid_from=paid_from)


def _add(
    tx: Tx,
    space: SpaceId,
    held: holding.Held,
    grant: Grant,
    *,
    at: datetime,
    money: Sequence[Posting] = (),
) -> Transaction:
    """Keep a grant; it lands now, or when it becomes effective."""
    grants.add(tx, space, grant)
    if grant.expires_at is not None:
        due.schedule(
            tx,
            space,
            kind="wallet.expire_grant",
            subject_id=grant.id,
            due_at=grant.expires_at,
        )
    if grant.effective_at <= at:
        return holding.land(tx, space, held, grant, at=at, money=money)
    due.schedule(
        tx, space, kind="wallet.land_grant", subject_id=grant.id, due_at=grant.effective_at
    )
    return holding.line_of(grant, held.wallet)
