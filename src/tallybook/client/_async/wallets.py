"""Wallets: prepaid credit of customers."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Unpack

from tallybook.client.encoding import DecimalInput, Json, decimal
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import customer_fields, customer_filter, customer_path, path
from tallybook.client.types.wallets import WalletBalance, WalletTransaction
from tallybook.wire import wallets as wire
from tallybook.wire.decimals import to_decimal

from .pages import AsyncPage
from .resources import AsyncObject, AsyncResource
from .verbs import listing, raw


class AsyncWallet(AsyncObject, wire.Wallet):
    """Prepaid credit of a customer. `balance` is money, as of when it was last read."""

    async def top_up(
        self,
        amount: DecimalInput,
        *,
        credit_amount: DecimalInput | NotGiven = NOT_GIVEN,
        credit_type: wire.CreditType | NotGiven = NOT_GIVEN,
        reference: str | NotGiven | None = NOT_GIVEN,
        description: str | NotGiven | None = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> "AsyncWalletTransactionResult":
        """Add credit for money; this object's balance follows."""
        result = await self._client.wallets.top_up(
            self.id,
            amount=amount,
            credit_amount=credit_amount,
            credit_type=credit_type,
            reference=reference,
            description=description,
            metadata=metadata,
            **options,
        )
        self._follow(result.wallet)
        return result

    async def grant_credit(
        self,
        amount: DecimalInput,
        *,
        credit_type: wire.CreditType | NotGiven = NOT_GIVEN,
        reference: str | NotGiven | None = NOT_GIVEN,
        description: str | NotGiven | None = NOT_GIVEN,
        priority: int | NotGiven = NOT_GIVEN,
        effective_at: datetime | NotGiven | None = NOT_GIVEN,
        expires_at: datetime | NotGiven | None = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> "AsyncWalletTransactionResult":
        """Give credit that nobody pays for; this object's balance follows."""
        result = await self._client.wallets.grant_credit(
            self.id,
            amount=amount,
            credit_type=credit_type,
            reference=reference,
            description=description,
            priority=priority,
            effective_at=effective_at,
            expires_at=expires_at,
            metadata=metadata,
            **options,
        )
        self._follow(result.wallet)
        return result

    async def deduct(
        self,
        amount: DecimalInput,
        *,
        description: str | NotGiven | None = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> "AsyncWalletTransactionResult":
        """Take credits; this object's balance follows. Errors: InsufficientBalanceError."""
        result = await self._client.wallets.deduct(
            self.id, amount=amount, description=description, metadata=metadata, **options
        )
        self._follow(result.wallet)
        return result

    async def get_transactions(
        self, limit: int = 50, *, cursor: str | None = None, **options: Unpack[CallOptions]
    ) -> AsyncPage[WalletTransaction]:
        """Return what came in and went out, the latest first."""
        return await self._client.wallets.get_transactions(self.id, limit, cursor=cursor, **options)

    async def refresh_balance(self, **options: Unpack[CallOptions]) -> Decimal:
        """Return the balance as it is now; this object's follows."""
        self._follow(await self._client.wallets.get(self.id, **options))
        return self.balance

    def has_sufficient_balance(self, amount: DecimalInput) -> bool:
        """Tell whether the balance last read covers an amount of money. Advisory: others spend."""
        return self.balance >= to_decimal(amount)

    def _follow(self, other: wire.Wallet) -> None:
        self.balance = other.balance
        self.credits_balance = other.credits_balance
        self.updated_at = other.updated_at


class AsyncWalletTransactionResult(AsyncObject, wire.WalletTransactionResult):
    """What an operation did, and the wallet after it. `idempotent`: its key had done it before."""

    transaction: WalletTransaction
    wallet: AsyncWallet


class AsyncWallets(AsyncResource):
    """`client.wallets`."""

    @cached_property
    def with_raw_response(self) -> "AsyncWalletsRaw":
        return AsyncWalletsRaw(self)

    async def get_or_create(
        self,
        customer_id: str | None = None,
        currency: str | None = None,
        *,
        customer_external_id: str | None = None,
        **options: Unpack[WriteOptions],
    ) -> AsyncWallet:
        """Return the customer's default wallet in a currency; the first call makes it."""
        if currency is None:
            raise TypeError("give the currency of the wallet")
        address = customer_path(customer_id, customer_external_id, "wallets", currency)
        return await self._write("PUT", address, AsyncWallet, options)

    async def create(
        self,
        *,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        name: str,
        description: str | NotGiven | None = NOT_GIVEN,
        currency: str | NotGiven | None = NOT_GIVEN,
        conversion_rate: DecimalInput | NotGiven = NOT_GIVEN,
        initial_credits: DecimalInput | NotGiven | None = NOT_GIVEN,
        auto_recharge_enabled: bool | NotGiven = NOT_GIVEN,
        auto_recharge_threshold: DecimalInput | NotGiven | None = NOT_GIVEN,
        auto_recharge_amount: DecimalInput | NotGiven | None = NOT_GIVEN,
        allow_negative_balance: bool | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> AsyncWallet:
        """Return the new wallet; `conversion_rate` is how many credits one unit of money buys.

        Errors: ConflictError `already_exists`, where the customer has one of this name.
        """
        body: dict[str, Any] = {
            **customer_fields(customer_id, customer_external_id),
            **given(
                name=name,
                description=description,
                currency=currency,
                conversion_rate=decimal(conversion_rate),
                initial_credits=decimal(initial_credits),
                auto_recharge_enabled=auto_recharge_enabled,
                auto_recharge_threshold=decimal(auto_recharge_threshold),
                auto_recharge_amount=decimal(auto_recharge_amount),
                allow_negative_balance=allow_negative_balance,
                metadata=metadata,
            ),
        }
        return await self._write("POST", "/wallets", AsyncWallet, options, body)

    async def get(self, id: str, **options: Unpack[CallOptions]) -> AsyncWallet:
        """Return the wallet with its balance."""
        return await self._get(path("wallets", id), AsyncWallet, options)

    @listing
    async def list(
        self,
        *,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        **options: Unpack[ListOptions],
    ) -> AsyncPage[AsyncWallet]:
        """Return wallets, newest first: one customer's, or all."""
        query = customer_filter(customer_id, customer_external_id)
        return await self._list("/wallets", AsyncWallet, options, query)

    async def update(
        self,
        id: str,
        *,
        name: str | NotGiven = NOT_GIVEN,
        description: str | NotGiven | None = NOT_GIVEN,
        auto_recharge_enabled: bool | NotGiven = NOT_GIVEN,
        auto_recharge_threshold: DecimalInput | NotGiven | None = NOT_GIVEN,
        auto_recharge_amount: DecimalInput | NotGiven | None = NOT_GIVEN,
        allow_negative_balance: bool | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json | None] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> AsyncWallet:
        """Return the wallet with the given settings changed; None clears, metadata is merged."""
        body = given(
            name=name,
            description=description,
            auto_recharge_enabled=auto_recharge_enabled,
            auto_recharge_threshold=decimal(auto_recharge_threshold),
            auto_recharge_amount=decimal(auto_recharge_amount),
            allow_negative_balance=allow_negative_balance,
            metadata=metadata,
        )
        return await self._write("PATCH", path("wallets", id), AsyncWallet, options, body)

    async def get_balance(self, id: str, **options: Unpack[CallOptions]) -> WalletBalance:
        """Return what can be spent now, by type of credit."""
        return await self._get(path("wallets", id, "balance"), WalletBalance, options)

    async def top_up(
        self,
        id: str,
        amount: DecimalInput,
        *,
        credit_amount: DecimalInput | NotGiven = NOT_GIVEN,
        credit_type: wire.CreditType | NotGiven = NOT_GIVEN,
        reference: str | NotGiven | None = NOT_GIVEN,
        description: str | NotGiven | None = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> AsyncWalletTransactionResult:
        """Add credit for money. Purchased credit, the default, books a completed payment."""
        body = given(
            amount=decimal(amount),
            credit_amount=decimal(credit_amount),
            credit_type=credit_type,
            reference=reference,
            description=description,
            metadata=metadata,
        )
        address = path("wallets", id, "top-ups")
        return await self._write("POST", address, AsyncWalletTransactionResult, options, body)

    async def grant_credit(
        self,
        id: str,
        amount: DecimalInput,
        *,
        credit_type: wire.CreditType | NotGiven = NOT_GIVEN,
        reference: str | NotGiven | None = NOT_GIVEN,
        description: str | NotGiven | None = NOT_GIVEN,
        priority: int | NotGiven = NOT_GIVEN,
        effective_at: datetime | NotGiven | None = NOT_GIVEN,
        expires_at: datetime | NotGiven | None = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> AsyncWalletTransactionResult:
        """Give credit that nobody pays for; lower priorities are spent first."""
        body = given(
            amount=decimal(amount),
            credit_type=credit_type,
            reference=reference,
            description=description,
            priority=priority,
            effective_at=effective_at,
            expires_at=expires_at,
            metadata=metadata,
        )
        address = path("wallets", id, "grants")
        return await self._write("POST", address, AsyncWalletTransactionResult, options, body)

    async def deduct(
        self,
        id: str,
        amount: DecimalInput,
        *,
        description: str | NotGiven | None = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> AsyncWalletTransactionResult:
        """Take credits. Errors: InsufficientBalanceError, unless the wallet may be negative."""
        body = given(amount=decimal(amount), description=description, metadata=metadata)
        address = path("wallets", id, "deductions")
        return await self._write("POST", address, AsyncWalletTransactionResult, options, body)

    async def get_transactions(
        self,
        id: str,
        limit: int = 50,
        *,
        cursor: str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncPage[WalletTransaction]:
        """Return what came in and went out, the latest first, with `total_count`."""
        address = path("wallets", id, "transactions")
        query = {"limit": limit, "cursor": cursor}
        return await self._list(address, WalletTransaction, options, query)


class AsyncWalletsRaw:
    """The verbs of `client.wallets`, each answering an APIResponse."""

    def __init__(self, wallets: AsyncWallets) -> None:
        self.get_or_create = raw(wallets.get_or_create)
        self.create = raw(wallets.create)
        self.get = raw(wallets.get)
        self.list = raw(wallets.list)
        self.update = raw(wallets.update)
        self.get_balance = raw(wallets.get_balance)
        self.top_up = raw(wallets.top_up)
        self.grant_credit = raw(wallets.grant_credit)
        self.deduct = raw(wallets.deduct)
        self.get_transactions = raw(wallets.get_transactions)
