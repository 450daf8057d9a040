"""Create wallets and change their settings."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from tallybook.server.customers import service as customers
from tallybook.server.identity import service as identity
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import minor_units
from tallybook.server.ledger.rules.postings import to_ledger
from tallybook.server.storage import Tx
from tallybook.server.wallets.errors import WalletNameTaken
from tallybook.server.wallets.models import Wallet
from tallybook.server.wallets.rules import recharge
from tallybook.server.wallets.rules.units import check_rate
from tallybook.server.wallets.store import wallets

from . import credit, holding
from .currencies import ensure_currency
from .lookup import get, new_wallet


def create(
    tx: Tx,
    space: SpaceId,
    *,
    customer_id: str,
    name: str,
    at: datetime,
    description: str | None = None,
    currency: str | None = None,
    conversion_rate: Decimal = Decimal(1),
    initial_credits: Decimal | None = None,
    auto_recharge_enabled: bool = False,
    auto_recharge_threshold: Decimal | None = None,
    auto_recharge_amount: Decimal | None = None,
    allow_negative_balance: bool = False,
    metadata: Mapping[str, Any] | None = None,
) -> Wallet:
    """Create a named wallet; without a currency, in the customer's, else the project's.

    Errors: CustomerNotFound; WalletNameTaken; UnknownCurrency; RateInvalid; RechargeInvalid.
    """
    customer = customers.get(tx, space, customer_id)
    currency = currency or customer.currency or identity.get_space(tx, space).default_currency
    minor_units(currency)
    ensure_currency(tx, space, currency, at=at)
    wallet = replace(
        new_wallet(customer.id, name, currency, at=at),
        description=description,
        conversion_rate=check_rate(conversion_rate),
        auto_recharge_enabled=auto_recharge_enabled,
        auto_recharge_threshold_micros=_micros(auto_recharge_threshold),
        auto_recharge_amount_micros=_micros(auto_recharge_amount),
        allow_negative_balance=allow_negative_balance,
        metadata=dict(metadata or {}),
    )
    _check_recharge(wallet)
    taken = wallets.name_taken(tx, space, customer.id, name, by_other_than=wallet.id)
    if taken or not wallets.add(tx, space, wallet):
        raise WalletNameTaken(name=name)
    if initial_credits:
        credit.start_with(tx, space, wallet.id, initial_credits, at=at)
    return get(tx, space, wallet.id)


def update(
    tx: Tx, space: SpaceId, wallet_id: str, fields: Mapping[str, Any], *, at: datetime
) -> Wallet:
    """Change settings; customer, currency and rate stay for ever.

    Errors: WalletNotFound; WalletNameTaken; RechargeInvalid.
    """
    before = holding.hold(tx, space, wallet_id, at).wallet
    changes = dict(fields)
    for name in ("auto_recharge_threshold", "auto_recharge_amount"):
        if name in changes:
            changes[f"{name}_micros"] = _micros(changes.pop(name))
    if "metadata" in changes:
        merged = {**before.metadata, **changes["metadata"]}
        changes["metadata"] = {key: value for key, value in merged.items() if value is not None}
    after = replace(before, **changes)
    if after == before:
        return before
    _check_recharge(after)
    if after.name != before.name and wallets.name_taken(
        tx, space, before.customer_id, after.name, by_other_than=wallet_id
    ):
        raise WalletNameTaken(name=after.name)
    after = replace(after, updated_at=at)
    wallets.save(tx, space, after)
    return after


def _check_recharge(wallet: Wallet) -> None:
    recharge.check_settings(
        enabled=wallet.auto_recharge_enabled,
        threshold_micros=wallet.auto_recharge_threshold_micros,
        amount_micros=wallet.auto_recharge_amount_micros,
    )


def _micros(credits: Decimal | None) -> int | None:
    return None if credits is None else to_ledger(credits)
