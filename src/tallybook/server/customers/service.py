"""Create, find, change and archive customers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tallybook.server.kernel.errors import FieldError, InvalidInput
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.kernel.locales import parse_locale
from tallybook.server.kernel.money import minor_units
from tallybook.server.storage import Tx, outbox
from tallybook.server.storage.pages import PageRequest, Rows

from . import store, views
from .errors import CustomerNotFound, ExternalIdTaken
from .models import Customer, CustomerStatus, CustomerType
from .rules import changes


def create(
    tx: Tx, space: SpaceId, fields: Mapping[str, Any], *, at: datetime
) -> tuple[Customer, bool]:
    """Create a customer; return it, and whether it is new.

    An external id in use gives its customer when every given field equals its own.
    Errors: ExternalIdTaken (with `existing_id`); UnknownCurrency; UnknownLocale.
    """
    _check(fields)
    external_id = fields.get("external_id")
    if external_id is not None:
        taken = store.find_by_external_id(tx, space, external_id)
        if taken is not None:
            if changes.gives_same(taken, fields):
                return taken, False
            raise ExternalIdTaken(external_id=external_id, existing_id=taken.id)
    defaults: dict[str, Any] = {
        "type": CustomerType.COMPANY,
        "status": CustomerStatus.ACTIVE,
        "email": None,
        "phone": None,
        "external_id": None,
        "currency": None,
        "taxes": None,
        "address": None,
        "tax_id": None,
        "locale": None,
        "payment_account": None,
        "metadata": {},
    }
    fresh = {"id": new_id("cus"), "created_at": at, "updated_at": at}
    customer = Customer(**{**defaults, **fields, **fresh})
    store.add(tx, space, customer)
    _announce(tx, space, "customer.created", customer, at)
    return customer, True


def upsert(
    tx: Tx, space: SpaceId, external_id: str, fields: Mapping[str, Any], *, at: datetime
) -> tuple[Customer, bool]:
    """Create the customer of an external id, or set the given fields; return whether it is new."""
    existing = store.find_by_external_id(tx, space, external_id)
    if existing is None:
        return create(tx, space, {**fields, "external_id": external_id}, at=at)
    return update(tx, space, existing.id, fields, at=at), False


def get(tx: Tx, space: SpaceId, customer_id: str) -> Customer:
    """Errors: CustomerNotFound. An archived customer is still found."""
    customer = store.find(tx, space, customer_id)
    if customer is None:
        raise CustomerNotFound(customer_id=customer_id)
    return customer


def keep(tx: Tx, space: SpaceId, customer_ids: Sequence[str]) -> None:
    """Read customers for gathered work, which asks for them by `get`."""
    store.keep(tx, space, customer_ids)


def get_by_external_id(tx: Tx, space: SpaceId, external_id: str) -> Customer:
    """Errors: CustomerNotFound."""
    customer = store.find_by_external_id(tx, space, external_id)
    if customer is None:
        raise CustomerNotFound(customer_external_id=external_id)
    return customer


def find_by_external_id(tx: Tx, space: SpaceId, external_id: str) -> Customer | None:
    return store.find_by_external_id(tx, space, external_id)


def resolve(
    tx: Tx, space: SpaceId, *, customer_id: str | None, customer_external_id: str | None
) -> Customer:
    """Return the customer named either way. Errors: CustomerNotFound."""
    if customer_id is not None:
        return get(tx, space, customer_id)
    assert customer_external_id is not None
    return get_by_external_id(tx, space, customer_external_id)


def find_ids(
    tx: Tx, space: SpaceId, *, ids: Collection[str], external_ids: Collection[str]
) -> tuple[set[str], dict[str, str]]:
    """Return which ids exist, and the id of each external id that exists."""
    return store.find_ids(tx, space, ids=ids, external_ids=external_ids)


def any_exist(tx: Tx, space: SpaceId) -> bool:
    return store.exists(tx, space)


def list_page(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    status: str | None = None,
    kind: str | None = None,
    search: str | None = None,
) -> Rows:
    return store.list_page(tx, space, page, status=status, kind=kind, search=search)


def from_row(row: Mapping[Any, Any]) -> Customer:
    """Return the customer of a page's row."""
    return store.from_row(row)


def update(
    tx: Tx, space: SpaceId, customer_id: str, fields: Mapping[str, Any], *, at: datetime
) -> Customer:
    """Change the given fields. Errors: CustomerNotFound; ExternalIdTaken; UnknownCurrency.

    Also UnknownLocale.
    """
    _check(fields)
    before = get(tx, space, customer_id)
    external_id = fields.get("external_id")
    if external_id is not None and external_id != before.external_id:
        taken = store.find_by_external_id(tx, space, external_id)
        if taken is not None:
            raise ExternalIdTaken(external_id=external_id, existing_id=taken.id)
    after = changes.changed(before, fields, at)
    if after is not before:
        store.save(tx, space, after)
        _announce(tx, space, "customer.updated", after, at)
        suspended = CustomerStatus.SUSPENDED
        if (after.status is suspended) != (before.status is suspended):
            reason = "customer_suspended" if after.status is suspended else "ok"
            announce_access(tx, space, after, reason=reason, caused_by="customer.updated", at=at)
    return after


def announce_access(
    tx: Tx,
    space: SpaceId,
    customer: Customer,
    *,
    reason: str,
    caused_by: str,
    subscription_id: str | None = None,
    feature: str | None = None,
    at: datetime,
) -> None:
    """Tell that what a customer may use has changed, after the event that changed it.

    `reason` is a reason of access, or `terms_changed`; a `feature` of None means all.
    """
    data = views.announced_access(
        customer,
        reason=reason,
        caused_by=caused_by,
        subscription_id=subscription_id,
        feature=feature,
    )
    event = "customer.access_changed"
    outbox.append(tx, space, event=event, object_id=customer.id, data=data, at=at)


def archive(tx: Tx, space: SpaceId, customer_id: str, *, at: datetime) -> None:
    """Hide the customer and free its external id; what it owes is the caller's to check."""
    before = get(tx, space, customer_id)
    if before.archived_at is None:
        gone = replace(before, archived_at=at, updated_at=at, external_id=None)
        store.save(tx, space, gone)


def _announce(tx: Tx, space: SpaceId, event: str, customer: Customer, at: datetime) -> None:
    data = views.announced(customer)
    outbox.append(tx, space, event=event, object_id=customer.id, data=data, at=at)


def _check(fields: Mapping[str, Any]) -> None:
    currency = fields.get("currency")
    if currency is not None:
        minor_units(currency)
    if fields.get("locale") is not None:
        parse_locale(fields["locale"])
    if fields.get("name", "x") is None:
        raise InvalidInput(errors=[FieldError("/name", "invalid", "must not be null")])
