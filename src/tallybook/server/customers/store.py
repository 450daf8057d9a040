"""All of customers' SQL."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import bindparam, insert, or_, select, update

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import plain
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows, contains, fetch
from tallybook.server.storage.prepared import SPACE, Prepared, one_of

from .models import Customer, CustomerStatus, CustomerTax, CustomerType, PaymentAccount
from .tables import customers

_SORTS = {"created_at": customers.c.created_at, "name": customers.c.name}

_FIND: Final = Prepared(
    lambda _: select(customers).where(
        customers.c.space_id == SPACE, customers.c.id == bindparam("customer_id")
    )
)
_FIND_ALL: Final = Prepared(
    lambda _: select(customers).where(customers.c.space_id == SPACE, one_of(customers.c.id, "ids"))
)


def add(tx: Tx, space: SpaceId, customer: Customer) -> None:
    tx.execute(insert(customers).values({"space_id": space, **_to_row(customer)}))


def save(tx: Tx, space: SpaceId, customer: Customer) -> None:
    t = customers.c
    mine = (t.space_id == space, t.id == customer.id)
    tx.execute(update(customers).where(*mine).values(_to_row(customer)))
    tx.forget(_kept(space, customer.id))


def find(tx: Tx, space: SpaceId, customer_id: str) -> Customer | None:
    def load() -> Customer | None:
        row = tx.row(_FIND, space=space, customer_id=customer_id)
        return None if row is None else from_row(row)

    return tx.kept(_kept(space, customer_id), load)


def keep(tx: Tx, space: SpaceId, customer_ids: Sequence[str]) -> None:
    """Read customers for gathered work."""
    for row in tx.rows(_FIND_ALL, space=space, ids=customer_ids):
        tx.keep(_kept(space, row["id"]), from_row(row))


def _kept(space: SpaceId, customer_id: str) -> tuple[str, SpaceId, str]:
    return ("customer", space, customer_id)


def find_by_external_id(tx: Tx, space: SpaceId, external_id: str) -> Customer | None:
    t = customers.c
    query = select(customers).where(t.space_id == space, t.external_id == external_id)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else from_row(row)


def find_ids(
    tx: Tx, space: SpaceId, *, ids: Collection[str], external_ids: Collection[str]
) -> tuple[set[str], dict[str, str]]:
    """Return which ids exist, and the id of each external id that exists."""
    t = customers.c
    known: set[str] = set()
    named: dict[str, str] = {}
    if ids:
        query = select(t.id).where(t.space_id == space, t.id.in_(ids), t.archived_at.is_(None))
        known = set(tx.execute(query).scalars())
    if external_ids:
        query2 = select(t.external_id, t.id).where(
            t.space_id == space, t.external_id.in_(external_ids)
        )
        named = {row.external_id: row.id for row in tx.execute(query2)}
    return known, named


def exists(tx: Tx, space: SpaceId) -> bool:
    query = select(customers.c.id).where(customers.c.space_id == space).limit(1)
    return tx.execute(query).first() is not None


def list_page(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    status: str | None,
    kind: str | None,
    search: str | None,
) -> Rows:
    t = customers.c
    query = select(customers).where(t.space_id == space)
    if status == "archived":
        query = query.where(t.archived_at.is_not(None))
    else:
        query = query.where(t.archived_at.is_(None))
        if status is not None:
            query = query.where(t.status == status)
    if kind is not None:
        query = query.where(t.type == kind)
    if search:
        named = (contains(column, search) for column in (t.name, t.email, t.external_id))
        query = query.where(or_(*named))
    return fetch(tx, query, page, key=t.id, sorts=_SORTS)


def _to_row(customer: Customer) -> dict[str, Any]:
    taxes = customer.taxes
    return {
        **asdict(customer),
        "type": customer.type.value,
        "status": customer.status.value,
        "metadata": dict(customer.metadata),
        "taxes": None
        if taxes is None
        else [{"name": tax.name, "rate": plain(tax.rate)} for tax in taxes],
    }


def from_row(row: Mapping[Any, Any]) -> Customer:
    taxes, account = row["taxes"], row["payment_account"]
    return Customer(
        id=row["id"],
        name=row["name"],
        type=CustomerType(row["type"]),
        status=CustomerStatus(row["status"]),
        email=row["email"],
        phone=row["phone"],
        external_id=row["external_id"],
        currency=row["currency"],
        taxes=None
        if taxes is None
        else tuple(CustomerTax(tax["name"], Decimal(tax["rate"])) for tax in taxes),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        archived_at=row["archived_at"],
        address=row["address"],
        tax_id=row["tax_id"],
        locale=row["locale"],
        payment_account=None if account is None else PaymentAccount(**account),
        metadata=row["metadata"],
    )
