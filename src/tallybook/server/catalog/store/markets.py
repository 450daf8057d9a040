"""Markets and currencies."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import bindparam, select, update

from tallybook.server.catalog.models import Balance, Market
from tallybook.server.catalog.tables import balances, markets
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows, fetch
from tallybook.server.storage.prepared import SPACE, Prepared

_SORTS = {"created_at": markets.c.created_at, "name": markets.c.name, "key": markets.c.key}
_BALANCE_SORTS = {"created_at": balances.c.created_at, "currency": balances.c.currency}

_FIND_BALANCE: Final = Prepared(
    lambda _: select(balances).where(
        balances.c.space_id == SPACE, balances.c.currency == bindparam("currency")
    )
)


def add_market(tx: Tx, space: SpaceId, market: Market) -> bool:
    """Store a new market; tell whether its key was free."""
    row = {"space_id": space, **asdict(market), "is_default": int(market.is_default)}
    statement = tx.insert(markets).values(row).on_conflict_do_nothing()
    return tx.execute(statement.returning(markets.c.id)).first() is not None


def clear_default_market(tx: Tx, space: SpaceId) -> None:
    t = markets.c
    tx.execute(update(markets).where(t.space_id == space, t.is_default == 1).values(is_default=0))


def find_market(tx: Tx, space: SpaceId, market_id: str) -> Market | None:
    t = markets.c
    query = select(markets).where(t.space_id == space, t.id == market_id)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else market_from_row(row)


def find_market_by_key(tx: Tx, space: SpaceId, key: str) -> Market | None:
    t = markets.c
    query = select(markets).where(t.space_id == space, t.key == key)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else market_from_row(row)


def page_of_markets(tx: Tx, space: SpaceId, page: PageRequest) -> Rows:
    query = select(markets).where(markets.c.space_id == space)
    return fetch(tx, query, page, key=markets.c.id, sorts=_SORTS)


def add_balance(tx: Tx, space: SpaceId, balance: Balance) -> None:
    """Enable a currency; one enabled before stays as it is."""
    row = {"space_id": space, **asdict(balance), "is_default": int(balance.is_default)}
    tx.execute(tx.insert(balances).values(row).on_conflict_do_nothing())
    tx.forget(("balance", space, balance.currency))


def find_balance(tx: Tx, space: SpaceId, currency: str) -> Balance | None:
    key = ("balance", space, currency)
    row = tx.kept(key, lambda: tx.row(_FIND_BALANCE, space=space, currency=currency))
    return None if row is None else balance_from_row(row)


def page_of_balances(tx: Tx, space: SpaceId, page: PageRequest) -> Rows:
    query = select(balances).where(balances.c.space_id == space)
    return fetch(tx, query, page, key=balances.c.id, sorts=_BALANCE_SORTS)


def market_from_row(row: Mapping[Any, Any]) -> Market:
    return Market(
        id=row["id"],
        key=row["key"],
        name=row["name"],
        currency=row["currency"],
        is_default=bool(row["is_default"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def balance_from_row(row: Mapping[Any, Any]) -> Balance:
    return Balance(
        id=row["id"],
        currency=row["currency"],
        is_default=bool(row["is_default"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
