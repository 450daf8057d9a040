"""Wallets in the database."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, bindparam, func, select, type_coerce, update

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.ledger.rules.postings import AMOUNT_MAX
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows, fetch
from tallybook.server.storage.prepared import SPACE, Prepared, one_of
from tallybook.server.wallets.models import Wallet
from tallybook.server.wallets.tables import grants, transactions, wallets

_SORTS = {"created_at": wallets.c.created_at, "name": wallets.c.name}
LOWEST: Final = -AMOUNT_MAX  # where a wallet ends that may be negative

_t = wallets.c
_CREDITS = type_coerce(bindparam("credits"), BigInteger)
_OVERDRAFT_VALUE = type_coerce(bindparam("overdraft_value"), BigInteger)
_MOVE: Final = Prepared(
    lambda _: (
        update(wallets)
        .where(_t.space_id == SPACE, _t.id == bindparam("wallet_id"))
        .where(_t.balance_micros.between(bindparam("lowest"), bindparam("highest")))
        .where(_t.version == bindparam("seen"))
        .values(
            balance_micros=_t.balance_micros + _CREDITS,
            overdraft_value_micros=_t.overdraft_value_micros + _OVERDRAFT_VALUE,
            version=_t.version + 1,
            updated_at=bindparam("at"),
        )
    )
)
_FIND: Final = Prepared(
    lambda _: select(wallets).where(_t.space_id == SPACE, _t.id == bindparam("wallet_id"))
)
_FIND_DEFAULT: Final = Prepared(
    lambda _: select(wallets).where(
        _t.space_id == SPACE,
        _t.customer_id == bindparam("customer_id"),
        _t.currency == bindparam("currency"),
        _t.is_default,
    )
)
_OWNERS: Final = Prepared(
    lambda _: (
        select(_t.customer_id)
        .where(_t.space_id == SPACE, one_of(_t.customer_id, "customers"))
        .distinct()
    )
)


@cache
def _list_of(in_currency: bool) -> Prepared:
    """A customer's wallets, in all currencies or in one."""
    mine = [_t.space_id == SPACE, _t.customer_id == bindparam("customer_id")]
    if in_currency:
        mine.append(_t.currency == bindparam("currency"))
    query = select(wallets).where(*mine)
    order = (_t.currency, _t.is_default.desc(), _t.name, _t.id)
    return Prepared(lambda _: query.order_by(*order))


@cache
def _hold(count: int) -> Prepared:
    """As many wallets, in the order of their ids, held until the commit."""
    mine = _t.id.in_([bindparam(f"wallet_{number}") for number in range(count)])
    query = select(wallets).where(_t.space_id == SPACE, mine)
    return Prepared(lambda _: query.order_by(_t.id).with_for_update())  # SQLite has one writer


def add(tx: Tx, space: SpaceId, wallet: Wallet) -> bool:
    """Insert a wallet; False if its name, or its place as the default, is taken."""
    tx.forget(_kept_empty(space, wallet.customer_id))
    row = {"space_id": space, "balance_micros": 0, "overdraft_value_micros": 0, **_to_row(wallet)}
    fresh = tx.insert(wallets).values(row).on_conflict_do_nothing()
    return tx.execute(fresh.returning(wallets.c.space_id)).first() is not None


def save(tx: Tx, space: SpaceId, wallet: Wallet) -> None:
    """Write what an update may change; the balance is not among it."""
    t = wallets.c
    mine = (t.space_id == space, t.id == wallet.id)
    tx.execute(update(wallets).where(*mine).values(_to_row(wallet)))


def move_balance(
    tx: Tx,
    space: SpaceId,
    wallet: Wallet,
    *,
    credits_micros: int,
    overdraft_value_micros: int,
    floor_micros: int | None,
    at: datetime,
) -> Wallet | None:
    """Change the balance of a wallet that is held; None where it would pass the floor.

    Without a floor only the ledger's own bounds hold. Nothing is changed that was not seen.
    """
    lowest, highest = LOWEST, AMOUNT_MAX
    if credits_micros < 0:
        lowest = (LOWEST if floor_micros is None else floor_micros) - credits_micros
    else:
        highest -= credits_micros
    moved = {
        "space": space,
        "wallet_id": wallet.id,
        "seen": wallet.version,
        "credits": credits_micros,
        "overdraft_value": overdraft_value_micros,
        "lowest": lowest,
        "highest": highest,
        "at": at,
    }
    if tx.run(_MOVE, moved) != 1:
        return None
    return replace(
        wallet,
        balance_micros=wallet.balance_micros + credits_micros,
        overdraft_value_micros=wallet.overdraft_value_micros + overdraft_value_micros,
        version=wallet.version + 1,
        updated_at=at,
    )


def find(tx: Tx, space: SpaceId, wallet_id: str) -> Wallet | None:
    row = tx.row(_FIND, space=space, wallet_id=wallet_id)
    return None if row is None else from_row(row)


def lock(tx: Tx, space: SpaceId, wallet_ids: Collection[str]) -> dict[str, Wallet]:
    """Return the wallets, held until the commit; taken in the order of their ids."""
    asked = {f"wallet_{number}": one for number, one in enumerate(sorted(set(wallet_ids)))}
    rows = tx.rows(_hold(len(asked)), space=space, **asked) if asked else ()
    return {row["id"]: from_row(row) for row in rows}


def find_default(tx: Tx, space: SpaceId, customer_id: str, currency: str) -> Wallet | None:
    row = tx.row(_FIND_DEFAULT, space=space, customer_id=customer_id, currency=currency)
    return None if row is None else from_row(row)


def name_taken(tx: Tx, space: SpaceId, customer_id: str, name: str, *, by_other_than: str) -> bool:
    t = wallets.c
    mine = (t.space_id == space, t.customer_id == customer_id, t.name == name)
    return tx.execute(select(t.id).where(*mine, t.id != by_other_than)).first() is not None


def list_of(tx: Tx, space: SpaceId, customer_id: str, currency: str | None) -> list[Wallet]:
    """A customer's wallets in the order of paying: the default first, then by name."""
    if tx.is_kept(_kept_empty(space, customer_id)):
        return []
    asked = {"space": space, "customer_id": customer_id}
    if currency is not None:
        asked["currency"] = currency
    rows = tx.rows(_list_of(currency is not None), **asked)
    return [from_row(row) for row in rows]


def keep_empty(tx: Tx, space: SpaceId, customer_ids: Sequence[str]) -> None:
    """Note for gathered work which customers have no wallet at all."""
    rows = tx.rows(_OWNERS, space=space, customers=customer_ids)
    for customer_id in set(customer_ids) - {row["customer_id"] for row in rows}:
        tx.keep(_kept_empty(space, customer_id), True)


def _kept_empty(space: SpaceId, customer_id: str) -> tuple[str, SpaceId, str]:
    return ("no wallets", space, customer_id)


def list_page(tx: Tx, space: SpaceId, page: PageRequest, *, customer_id: str | None) -> Rows:
    query = select(wallets).where(wallets.c.space_id == space)
    if customer_id is not None:
        query = query.where(wallets.c.customer_id == customer_id)
    return fetch(tx, query, page, key=wallets.c.id, sorts=_SORTS)


def list_all(tx: Tx, space: SpaceId | None) -> list[tuple[SpaceId, Wallet]]:
    query = select(wallets).order_by(wallets.c.id)
    if space is not None:
        query = query.where(wallets.c.space_id == space)
    return [(SpaceId(row["space_id"]), from_row(row)) for row in tx.execute(query).mappings()]


def sum_statements(tx: Tx, space: SpaceId | None) -> dict[str, tuple[int, int]]:
    """Per wallet: the sum of its statement and the number of lines."""
    t = transactions.c
    query = select(t.wallet_id, func.sum(t.credits_micros), func.count()).group_by(t.wallet_id)
    if space is not None:
        query = query.where(t.space_id == space)
    found = {}
    for row in tx.execute(query).all():
        wallet_id, total, count = tuple(row)
        found[wallet_id] = (int(total), int(count))
    return found


def sum_grants(tx: Tx, space: SpaceId | None) -> dict[str, int]:
    """Per wallet: what remains of its landed grants."""
    t = grants.c
    total = func.sum(t.remaining_micros)
    query = select(t.wallet_id, total).where(t.has_landed).group_by(t.wallet_id)
    if space is not None:
        query = query.where(t.space_id == space)
    found = {}
    for row in tx.execute(query).all():
        wallet_id, total = tuple(row)
        found[wallet_id] = int(total)
    return found


def _to_row(wallet: Wallet) -> dict[str, Any]:
    return {
        "id": wallet.id,
        "customer_id": wallet.customer_id,
        "name": wallet.name,
        "description": wallet.description,
        "currency": wallet.currency,
        "conversion_rate": wallet.conversion_rate,
        "is_default": wallet.is_default,
        # A backstop. A wallet that may no longer be negative stays where it is until repaid.
        "floor_micros": LOWEST if wallet.allow_negative_balance else min(0, wallet.balance_micros),
        "allow_negative_balance": wallet.allow_negative_balance,
        "auto_recharge_enabled": wallet.auto_recharge_enabled,
        "auto_recharge_threshold_micros": wallet.auto_recharge_threshold_micros,
        "auto_recharge_amount_micros": wallet.auto_recharge_amount_micros,
        "version": wallet.version,
        "metadata": dict(wallet.metadata),
        "created_at": wallet.created_at,
        "updated_at": wallet.updated_at,
    }


def from_row(row: Mapping[Any, Any]) -> Wallet:
    return Wallet(
        id=row["id"],
        customer_id=row["customer_id"],
        name=row["name"],
        description=row["description"],
        currency=row["currency"],
        conversion_rate=row["conversion_rate"],
        is_default=bool(row["is_default"]),
        balance_micros=row["balance_micros"],
        overdraft_value_micros=row["overdraft_value_micros"],
        allow_negative_balance=bool(row["allow_negative_balance"]),
        auto_recharge_enabled=bool(row["auto_recharge_enabled"]),
        auto_recharge_threshold_micros=row["auto_recharge_threshold_micros"],
        auto_recharge_amount_micros=row["auto_recharge_amount_micros"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
        metadata=row["metadata"],
    )
