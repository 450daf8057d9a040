"""Customers over HTTP."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from tallybook.server.customers import service as customers
from tallybook.server.customers import views
from tallybook.server.customers.errors import CustomerNotFound, ExternalIdTaken
from tallybook.server.customers.models import (
    CustomerStatus,
    CustomerTax,
    CustomerType,
    PaymentAccount,
)
from tallybook.server.storage import Tx
from tallybook.wire import customers as wire
from tallybook.wire.base import Page

from .bodies import StrictRoute
from .calls import IDEMPOTENT, Read, Write
from .pages import Paging, page_request, to_page
from .problems import responses

router = APIRouter(prefix="/customers", tags=["customers"], route_class=StrictRoute)
SORTS = ("created_at", "name")


def fields_of(body: BaseModel) -> dict[str, Any]:
    """The fields that the caller gave, as the room's facts."""
    fields: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    if fields.get("type") is not None:
        fields["type"] = CustomerType(fields["type"])
    if fields.get("status") is not None:
        fields["status"] = CustomerStatus(fields["status"])
    if fields.get("taxes") is not None:
        fields["taxes"] = tuple(CustomerTax(tax.name, tax.rate) for tax in fields["taxes"])
    if (account := fields.get("payment_account")) is not None:
        fields["payment_account"] = PaymentAccount(**account.model_dump())
    return fields


def _note_if_old(tx: Tx, is_new: bool) -> None:
    if not is_new:
        tx.notes[IDEMPOTENT] = True


@router.post(
    "",
    response_model=wire.Customer,
    status_code=201,
    responses=responses(ExternalIdTaken),
    operation_id="customers.create",
)
def create_customer(body: wire.CustomerCreate, write: Write) -> Response:
    """Create a customer; an external id in use gives its customer if nothing differs."""

    def work(tx: Tx) -> wire.Customer:
        customer, is_new = customers.create(tx, write.space, fields_of(body), at=write.now)
        _note_if_old(tx, is_new)
        return views.to_wire(customer)

    return write(work, status=201)


@router.get("", response_model=Page[wire.Customer], operation_id="customers.list")
def list_customers(
    read: Read,
    paging: Paging,
    status: Literal["active", "inactive", "suspended", "archived"] | None = None,
    type: wire.CustomerType | None = None,
    search: Annotated[str | None, Query(max_length=255)] = None,
) -> Response:
    """List customers; `search` looks in name, email and external id."""
    page = page_request(read, paging, SORTS)

    def work(tx: Tx) -> Page[wire.Customer]:
        rows = customers.list_page(tx, read.space, page, status=status, kind=type, search=search)
        return to_page(read, page, rows, _shape)

    return read(work)


def _shape(row: Mapping[Any, Any]) -> wire.Customer:
    return views.to_wire(customers.from_row(row))


@router.get(
    "/external/{customer_external_id:path}",
    response_model=wire.Customer,
    responses=responses(CustomerNotFound),
    operation_id="customers.get_by_external_id",
)
def get_by_external_id(customer_external_id: str, read: Read) -> Response:
    """Return the customer of an external id."""
    return read(
        lambda tx: views.to_wire(customers.get_by_external_id(tx, read.space, customer_external_id))
    )


@router.put(
    "/external/{customer_external_id:path}",
    response_model=wire.Customer,
    operation_id="customers.upsert",
)
def upsert_customer(customer_external_id: str, body: wire.CustomerUpsert, write: Write) -> Response:
    """Create the customer of an external id, or set the given fields."""

    def work(tx: Tx) -> wire.Customer:
        customer, _ = customers.upsert(
            tx, write.space, customer_external_id, fields_of(body), at=write.now
        )
        return views.to_wire(customer)

    return write(work)


@router.patch(
    "/external/{customer_external_id:path}",
    response_model=wire.Customer,
    responses=responses(CustomerNotFound, ExternalIdTaken),
    operation_id="customers.update_by_external_id",
)
def update_by_external_id(
    customer_external_id: str, body: wire.CustomerUpdate, write: Write
) -> Response:
    """Change the given fields of the customer of an external id."""

    def work(tx: Tx) -> wire.Customer:
        found = customers.get_by_external_id(tx, write.space, customer_external_id)
        after = customers.update(tx, write.space, found.id, fields_of(body), at=write.now)
        return views.to_wire(after)

    return write(work)


@router.get(
    "/{customer_id}",
    response_model=wire.Customer,
    responses=responses(CustomerNotFound),
    operation_id="customers.get",
)
def get_customer(customer_id: str, read: Read) -> Response:
    """Return a customer."""
    return read(lambda tx: views.to_wire(customers.get(tx, read.space, customer_id)))


@router.patch(
    "/{customer_id}",
    response_model=wire.Customer,
    responses=responses(CustomerNotFound, ExternalIdTaken),
    operation_id="customers.update",
)
def update_customer(customer_id: str, body: wire.CustomerUpdate, write: Write) -> Response:
    """Change the given fields; null clears email, phone, external_id, currency and taxes."""

    def work(tx: Tx) -> wire.Customer:
        after = customers.update(tx, write.space, customer_id, fields_of(body), at=write.now)
        return views.to_wire(after)

    return write(work)
