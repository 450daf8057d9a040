"""Projects with their first market, markets, and the currencies in use."""

from datetime import datetime

from tallybook.server.catalog.errors import KeyTaken, MarketNotFound
from tallybook.server.catalog.models import (
    BALANCE_PREFIX,
    GLOBAL_MARKET,
    MARKET_PREFIX,
    Balance,
    Market,
)
from tallybook.server.catalog.rules.prices import default_market_key
from tallybook.server.catalog.store import markets as store
from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Mode, Project, Space
from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.kernel.money import minor_units
from tallybook.server.metering.rules.keys import check_key, is_id
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest

from .found import Found


def create_project(
    tx: Tx, *, name: str, currency: str, timezone: str, at: datetime
) -> tuple[Project, dict[Mode, Space]]:
    """Create a project; both its spaces get the market `global` in the project's currency.

    Errors: UnknownCurrency, UnknownTimezone.
    """
    project, spaces = identity.create_project(
        tx, name=name, currency=currency, timezone=timezone, at=at
    )
    for space in spaces.values():
        create_market(
            tx,
            space.id,
            key=GLOBAL_MARKET,
            name="Global",
            currency=currency,
            is_default=True,
            at=at,
        )
    return project, spaces


def create_market(
    tx: Tx,
    space: SpaceId,
    *,
    key: str,
    name: str,
    currency: str,
    is_default: bool = False,
    at: datetime,
) -> Market:
    """Create a market, and enable its currency.

    Errors: UnknownCurrency; KeyTaken (with `existing_id`); InvalidInput (the key).
    """
    minor_units(currency)
    check_key(key, id_prefix=MARKET_PREFIX)
    if is_default:
        store.clear_default_market(tx, space)
    market = Market(new_id(MARKET_PREFIX), key, name, currency, is_default, at, at)
    if not store.add_market(tx, space, market):
        existing = store.find_market_by_key(tx, space, key)
        raise KeyTaken(key=key, existing_id=None if existing is None else existing.id)
    ensure_balance(tx, space, currency, is_default=is_default, at=at)
    return market


def get_market(tx: Tx, space: SpaceId, ref: str, *, pointer: str | None = None) -> Market:
    """Return the market of an id or key. Errors: MarketNotFound."""
    market = find_market(tx, space, ref)
    if market is None:
        errors = [FieldError(pointer, "not_found", "no such market")] if pointer else []
        raise MarketNotFound(market=ref, errors=errors)
    return market


def find_market(tx: Tx, space: SpaceId, ref: str) -> Market | None:
    if is_id(ref, id_prefix=MARKET_PREFIX):
        return store.find_market(tx, space, ref)
    return store.find_market_by_key(tx, space, ref)


def ensure_default_market(tx: Tx, space: SpaceId, currency: str, *, at: datetime) -> Market:
    """Return the market in which a plan of that currency gets its default price."""
    everywhere = get_market(tx, space, GLOBAL_MARKET)
    key = default_market_key(currency, everywhere.currency)
    market = store.find_market_by_key(tx, space, key)
    if market is not None:
        return market
    return create_market(tx, space, key=key, name=f"Global ({currency})", currency=currency, at=at)


def list_markets(tx: Tx, space: SpaceId, page: PageRequest) -> Found[Market]:
    rows = store.page_of_markets(tx, space, page)
    return Found(rows, {row["id"]: store.market_from_row(row) for row in rows.rows})


def ensure_balance(
    tx: Tx, space: SpaceId, currency: str, *, is_default: bool = False, at: datetime
) -> Balance:
    """Return the currency's balance; its first use enables it. Errors: UnknownCurrency."""
    existing = store.find_balance(tx, space, currency)
    if existing is not None:
        return existing
    minor_units(currency)
    fresh = Balance(new_id(BALANCE_PREFIX), currency, is_default, at, at)
    store.add_balance(tx, space, fresh)
    return store.find_balance(tx, space, currency) or fresh


def list_balances(tx: Tx, space: SpaceId, page: PageRequest) -> Found[Balance]:
    rows = store.page_of_balances(tx, space, page)
    return Found(rows, {row["id"]: store.balance_from_row(row) for row in rows.rows})
