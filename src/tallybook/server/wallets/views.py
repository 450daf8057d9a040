"""Wallets, as answers and webhooks show them."""

from decimal import Decimal
from typing import Any, Final

import msgspec

from tallybook.server.kernel.money import from_micro_units, plain, quantize_money
from tallybook.server.payments.models import Payment
from tallybook.wire import wallets as wire
from tallybook.wire.base import format_instant

from .models import Balance, Done, Transaction, Wallet
from .rules.units import money_of

_encode: Final = msgspec.json.Encoder().encode


def to_wire(wallet: Wallet, credits_micros: int | None = None) -> wire.Wallet:
    """Show a wallet with its balance as of a time, or as stored right after a change."""
    credits = wallet.balance_micros if credits_micros is None else credits_micros
    return wire.Wallet(
        id=wallet.id,
        customer_id=wallet.customer_id,
        name=wallet.name,
        description=wallet.description,
        currency=wallet.currency,
        conversion_rate=wallet.conversion_rate,
        balance=money_of(credits, wallet.conversion_rate, wallet.currency),
        credits_balance=from_micro_units(credits),
        is_default=wallet.is_default,
        auto_recharge_enabled=wallet.auto_recharge_enabled,
        auto_recharge_threshold=_credits(wallet.auto_recharge_threshold_micros),
        auto_recharge_amount=_credits(wallet.auto_recharge_amount_micros),
        allow_negative_balance=wallet.allow_negative_balance,
        metadata=dict(wallet.metadata),
        created_at=wallet.created_at,
        updated_at=wallet.updated_at,
    )


def balance_to_wire(balance: Balance) -> wire.WalletBalance:
    wallet = balance.wallet
    return wire.WalletBalance(
        wallet_id=wallet.id,
        balance=money_of(balance.credits_micros, wallet.conversion_rate, wallet.currency),
        credits_balance=from_micro_units(balance.credits_micros),
        currency=wallet.currency,
        by_credit_type={
            kind.value: from_micro_units(credits)
            for kind, credits in balance.by_credit_type.items()
        },
        as_of=balance.as_of,
    )


def transaction_to_wire(line: Transaction, wallet: Wallet) -> wire.WalletTransaction:
    currency = wallet.currency
    return wire.WalletTransaction(
        id=line.id,
        wallet_id=line.wallet_id,
        type=line.type.value,
        credit_type=line.credit_type and line.credit_type.value,
        amount=quantize_money(line.amount, currency),
        credits=from_micro_units(line.credits_micros),
        balance_after=money_of(line.balance_after_micros, wallet.conversion_rate, currency),
        credits_balance_after=from_micro_units(line.balance_after_micros),
        currency=currency,
        reference=line.reference,
        description=line.description,
        source=line.source,
        idempotency_key=line.idempotency_key,
        payment_id=line.payment_id,
        invoice_id=line.invoice_id,
        effective_at=line.effective_at,
        metadata=dict(line.metadata),
        created_at=line.created_at,
    )


def done_to_json(done: Done, credits_micros: int) -> bytes:
    """Return the JSON of a `wire.WalletTransactionResult`, made the short way."""
    transaction = _transaction_document(done.transaction, done.wallet)
    return _encode(
        {"transaction": transaction, "wallet": _wallet_document(done.wallet, credits_micros)}
    )


def _wallet_document(wallet: Wallet, credits_micros: int) -> dict[str, Any]:
    """Return what `to_wire` shows, as JSON has it."""
    return {
        "id": wallet.id,
        "customer_id": wallet.customer_id,
        "name": wallet.name,
        "description": wallet.description,
        "currency": wallet.currency,
        "conversion_rate": plain(wallet.conversion_rate),
        "balance": _money(credits_micros, wallet),
        "credits_balance": _text(credits_micros),
        "is_default": wallet.is_default,
        "auto_recharge_enabled": wallet.auto_recharge_enabled,
        "auto_recharge_threshold": _text(wallet.auto_recharge_threshold_micros),
        "auto_recharge_amount": _text(wallet.auto_recharge_amount_micros),
        "allow_negative_balance": wallet.allow_negative_balance,
        "metadata": dict(wallet.metadata),
        "created_at": format_instant(wallet.created_at),
        "updated_at": format_instant(wallet.updated_at),
    }


def _transaction_document(line: Transaction, wallet: Wallet) -> dict[str, Any]:
    """Return what `transaction_to_wire` shows, as JSON has it."""
    return {
        "id": line.id,
        "wallet_id": line.wallet_id,
        "type": line.type.value,
        "credit_type": line.credit_type and line.credit_type.value,
        "amount": format(quantize_money(line.amount, wallet.currency), "f"),
        "credits": _text(line.credits_micros),
        "balance_after": _money(line.balance_after_micros, wallet),
        "credits_balance_after": _text(line.balance_after_micros),
        "currency": wallet.currency,
        "reference": line.reference,
        "description": line.description,
        "source": line.source,
        "idempotency_key": line.idempotency_key,
        "payment_id": line.payment_id,
        "invoice_id": line.invoice_id,
        "effective_at": line.effective_at and format_instant(line.effective_at),
        "metadata": dict(line.metadata),
        "created_at": format_instant(line.created_at),
    }


def announced_move(wallet: Wallet, line: Transaction) -> dict[str, Any]:
    """The data of `wallet.topped_up`, `.credited` and `.deducted`."""
    shown = _transaction_document(line, wallet)
    return {
        **_announced(wallet),
        "amount": shown["amount"],
        "credits": shown["credits"],
        "credit_type": shown["credit_type"],
        "transaction": shown,
    }


def announced_low(wallet: Wallet) -> dict[str, Any]:
    """The data of `wallet.low_balance`."""
    return {**_announced(wallet), "threshold": _text(wallet.auto_recharge_threshold_micros)}


def announced_recharge(wallet: Wallet, payment: Payment) -> dict[str, Any]:
    """The data of `wallet.recharge_required`."""
    return {
        **announced_low(wallet),
        "payment_id": payment.id,
        "amount": format(payment.amount, "f"),
        "credits": _text(wallet.auto_recharge_amount_micros),
    }


def _announced(wallet: Wallet) -> dict[str, Any]:
    return {
        "wallet_id": wallet.id,
        "customer_id": wallet.customer_id,
        "currency": wallet.currency,
        "balance": _money(wallet.balance_micros, wallet),
        "credits_balance": _text(wallet.balance_micros),
    }


def _money(credits_micros: int, wallet: Wallet) -> str:
    return format(money_of(credits_micros, wallet.conversion_rate, wallet.currency), "f")


def _credits(micros: int | None) -> Decimal | None:
    return None if micros is None else from_micro_units(micros)


def _text(micros: int | None) -> str | None:
    return None if micros is None else plain(from_micro_units(micros))
