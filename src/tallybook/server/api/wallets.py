"""Wallets over HTTP."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel

from tallybook.server.billing import credit
from tallybook.server.customers import service as customers
from tallybook.server.customers.errors import CustomerNotFound
from tallybook.server.kernel.errors import FieldError, InvalidInput
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Database, Tx
from tallybook.server.storage.idempotency import Answer
from tallybook.server.wallets import service as wallets
from tallybook.server.wallets import views
from tallybook.server.wallets.errors import (
    InsufficientWalletBalance,
    WalletNameTaken,
    WalletNotFound,
)
from tallybook.server.wallets.models import CreditType, Done, Wallet
from tallybook.wire import wallets as wire
from tallybook.wire.base import Currency, ExternalId, Page, Ref
from tallybook.wire.limits import PAGE_SIZE_MAX

from .bodies import NO_BODY, StrictRoute, parse_body, read_body, read_model
from .calls import IDEMPOTENT, Read, ReadCall, Write, WriteCall, writer_of
from .errors import IdempotencyKeyMissing
from .express import Json, RawRoute, handled_by
from .pages import ListParameters, Paging, page_request, to_page
from .paths import PathCustomer
from .problems import responses

router = APIRouter(tags=["wallets"], route_class=StrictRoute)
raw_router = APIRouter(tags=["wallets"], route_class=RawRoute)
SORTS = ("created_at", "name")
STATEMENT_SIZE = 50


class CustomerFilter:
    """At most one of the two names of a customer, in the query of a list."""

    def __init__(
        self,
        customer_id: Annotated[Ref | None, Query()] = None,
        customer_external_id: Annotated[ExternalId | None, Query()] = None,
    ) -> None:
        if customer_id is not None and customer_external_id is not None:
            detail = "give customer_id or customer_external_id, not both"
            raise InvalidInput(errors=[FieldError("?customer_id", "invalid", detail)])
        self.customer_id = customer_id
        self.customer_external_id = customer_external_id

    def find(self, tx: Tx, space: SpaceId) -> str | None:
        """Return the customer's id; None where the list is of all. Errors: CustomerNotFound."""
        if self.customer_id is None and self.customer_external_id is None:
            return None
        return customers.resolve(
            tx,
            space,
            customer_id=self.customer_id,
            customer_external_id=self.customer_external_id,
        ).id


OfCustomer = Annotated[CustomerFilter, Depends()]


def _statement_page(
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = STATEMENT_SIZE,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
) -> ListParameters:
    return ListParameters(limit, cursor, None, None, "desc", True)


StatementPaging = Annotated[ListParameters, Depends(_statement_page)]


def given(body: BaseModel) -> dict[str, Any]:
    """The fields that the caller gave."""
    return {name: getattr(body, name) for name in body.model_fields_set}


@router.put(
    "/customers/{customer_id}/wallets/{currency}",
    response_model=wire.Wallet,
    responses=responses(CustomerNotFound),
    operation_id="wallets.get_or_create",
)
@router.put(
    "/customers/external/{customer_external_id:path}/wallets/{currency}",
    response_model=wire.Wallet,
    responses=responses(CustomerNotFound),
    operation_id="wallets.get_or_create_by_external_id",
)
def get_or_create_wallet(of: PathCustomer, currency: Currency, write: Write) -> Response:
    """Return the customer's default wallet in a currency; the first call makes it."""

    def work(tx: Tx) -> wire.Wallet:
        customer = of.resolve(tx, write.space)
        wallet = wallets.get_or_create(tx, write.space, customer.id, currency, at=write.now)
        return _shown(tx, write, wallet)

    return write(work)


@router.post(
    "/wallets",
    response_model=wire.Wallet,
    status_code=201,
    responses=responses(IdempotencyKeyMissing, CustomerNotFound, WalletNameTaken),
    operation_id="wallets.create",
)
def create_wallet(body: wire.WalletCreate, write: Write) -> Response:
    """Create a named wallet; without a currency, in the customer's, else the project's."""
    write.require_key()
    named = {"customer_id", "customer_external_id"}
    fields = {name: value for name, value in given(body).items() if name not in named}

    def work(tx: Tx) -> wire.Wallet:
        customer = customers.resolve(
            tx,
            write.space,
            customer_id=body.customer_id,
            customer_external_id=body.customer_external_id,
        )
        wallet = wallets.create(tx, write.space, customer_id=customer.id, at=write.now, **fields)
        return _shown(tx, write, wallet)

    return write(work, status=201)


@router.get("/wallets", response_model=Page[wire.Wallet], operation_id="wallets.list")
def list_wallets(read: Read, paging: Paging, of: OfCustomer) -> Response:
    """List wallets, of one customer or of all."""
    page = page_request(read, paging, SORTS)

    def work(tx: Tx) -> Page[wire.Wallet]:
        customer_id = of.find(tx, read.space)
        rows = wallets.list_page(tx, read.space, page, customer_id=customer_id)
        found = [wallets.from_row(row) for row in rows.rows]
        at_now = wallets.balances(tx, read.space, found, at=read.now)

        def shape(row: Mapping[Any, Any]) -> wire.Wallet:
            balance = at_now[row["id"]]
            return views.to_wire(balance.wallet, balance.credits_micros)

        return to_page(read, page, rows, shape)

    return read(work)


@router.get(
    "/wallets/{wallet_id}",
    response_model=wire.Wallet,
    responses=responses(WalletNotFound),
    operation_id="wallets.get",
)
def get_wallet(wallet_id: str, read: Read) -> Response:
    """Return a wallet with its balance."""
    return read(lambda tx: _shown(tx, read, wallets.get(tx, read.space, wallet_id)))


@router.patch(
    "/wallets/{wallet_id}",
    response_model=wire.Wallet,
    responses=responses(IdempotencyKeyMissing, WalletNotFound, WalletNameTaken),
    operation_id="wallets.update",
)
def update_wallet(wallet_id: str, body: wire.WalletUpdate, write: Write) -> Response:
    """Change settings; customer, currency and rate stay for ever."""
    write.require_key()

    def work(tx: Tx) -> wire.Wallet:
        after = wallets.update(tx, write.space, wallet_id, given(body), at=write.now)
        return _shown(tx, write, after)

    return write(work)


@router.get(
    "/wallets/{wallet_id}/balance",
    response_model=wire.WalletBalance,
    responses=responses(WalletNotFound),
    operation_id="wallets.get_balance",
)
def get_balance(wallet_id: str, read: Read) -> Response:
    """Return what can be spent now, by type of credit."""
    return read(
        lambda tx: views.balance_to_wire(
            wallets.get_balance(tx, read.space, wallet_id, at=read.now)
        )
    )


@router.get(
    "/wallets/{wallet_id}/transactions",
    response_model=Page[wire.WalletTransaction],
    responses=responses(WalletNotFound),
    operation_id="wallets.list_transactions",
)
def list_transactions(wallet_id: str, read: Read, paging: StatementPaging) -> Response:
    """List what came in and went out, the latest first."""
    page = page_request(read, paging, ("position",))

    def work(tx: Tx) -> Page[wire.WalletTransaction]:
        wallet = wallets.get(tx, read.space, wallet_id)
        rows = wallets.list_transactions(tx, read.space, wallet_id, page)
        return to_page(
            read,
            page,
            rows,
            lambda row: views.transaction_to_wire(wallets.transaction_from_row(row), wallet),
        )

    return read(work)


@router.post(
    "/wallets/{wallet_id}/top-ups",
    response_model=wire.WalletTransactionResult,
    status_code=201,
    responses=responses(IdempotencyKeyMissing, WalletNotFound),
    operation_id="wallets.top_up",
)
def top_up(wallet_id: str, body: wire.TopUp, write: Write) -> Response:
    """Add credit for money. Purchased credit, the default, books a completed payment."""
    key = write.require_key()
    return _operate(
        write,
        lambda tx: credit.top_up(
            tx,
            write.space,
            wallet_id,
            amount=body.amount,
            credit_amount=body.credit_amount,
            credit_type=CreditType(body.credit_type),
            reference=body.reference,
            description=body.description,
            metadata=body.metadata,
            key=key,
            at=write.now,
        ),
    )


@router.post(
    "/wallets/{wallet_id}/grants",
    response_model=wire.WalletTransactionResult,
    status_code=201,
    responses=responses(IdempotencyKeyMissing, WalletNotFound),
    operation_id="wallets.grant_credit",
)
def grant_credit(wallet_id: str, body: wire.CreditGrant, write: Write) -> Response:
    """Give credit that nobody pays for; it may begin later, and end."""
    key = write.require_key()
    return _operate(
        write,
        lambda tx: credit.grant_credit(
            tx,
            write.space,
            wallet_id,
            amount=body.amount,
            credit_type=CreditType(body.credit_type),
            reference=body.reference,
            description=body.description,
            priority=body.priority,
            effective_at=body.effective_at,
            expires_at=body.expires_at,
            metadata=body.metadata,
            key=key,
            at=write.now,
        ),
    )


async def _deduct(request: Request) -> Json:
    """Deduct in one transaction that knows its caller, too: deductions come often."""
    content = await read_body(request)
    body = read_model(parse_body(request, content), wire.Deduction) if content else NO_BODY
    wallet_id: str = request.path_params["wallet_id"]

    def once(tx: Tx) -> tuple[Answer, bool]:
        tx.keeps_memory = True  # nobody remembers wallets, grants, payments or books
        write = writer_of(tx, request)
        if isinstance(body, RequestValidationError):
            raise body
        key, given = write.require_key(), body

        def deducted(tx: Tx) -> Done:
            return wallets.deduct(
                tx,
                write.space,
                wallet_id,
                amount=given.amount,
                description=given.description,
                metadata=given.metadata,
                key=key,
                at=write.now,
            )

        return write.once(tx, lambda tx: _done(tx, write, deducted), status=201)

    db: Database = request.app.state.db
    answer, replayed = await asyncio.shield(asyncio.wrap_future(db.write(once)))
    return Json(answer.body, answer.status, replayed)


@raw_router.post(
    "/wallets/{wallet_id}/deductions",
    response_model=wire.WalletTransactionResult,
    status_code=201,
    responses=responses(IdempotencyKeyMissing, WalletNotFound, InsufficientWalletBalance),
    operation_id="wallets.deduct",
)
@handled_by(_deduct)
def deduct(wallet_id: str, body: wire.Deduction, write: Write) -> None:
    """Take credits; 402 where they are not there, unless the wallet may be negative."""


def _operate(write: WriteCall, operation: Callable[[Tx], Done]) -> Response:
    return write(lambda tx: _done(tx, write, operation), status=201)


def _done(tx: Tx, write: WriteCall, operation: Callable[[Tx], Done]) -> bytes:
    done = operation(tx)
    if done.replayed:
        tx.notes[IDEMPOTENT] = True
    credits = wallets.credits_after(tx, write.space, done, at=write.now)
    return views.done_to_json(done, credits)


def _shown(tx: Tx, call: ReadCall, wallet: Wallet) -> wire.Wallet:
    balance = wallets.balances(tx, call.space, [wallet], at=call.now)[wallet.id]
    return views.to_wire(wallet, balance.credits_micros)
