"""All of the ledger's SQL."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    update,
)

from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.storage import Tx
from tallybook.server.storage.prepared import HOLD_NAME, SPACE, Prepared, one_of

from .models import Account, AccountKind, Difference, Entry, Posting, Total, Transaction
from .rules.postings import check_amount
from .tables import accounts, entries, requests, transactions

_CLAIM: Final = Prepared(
    lambda insert: insert(transactions).on_conflict_do_nothing().returning(transactions.c.space_id)
)
_ADD_ACCOUNT: Final = Prepared(lambda insert: insert(accounts).on_conflict_do_nothing())
_ADD_ENTRY: Final = Prepared(lambda insert: insert(entries))
_FIND_REQUEST: Final = Prepared(
    lambda _: select(requests.c.object_id, requests.c.fingerprint).where(
        requests.c.space_id == SPACE,
        requests.c.operation == bindparam("operation"),
        requests.c.key == bindparam("key"),
    )
)
_ADD_REQUEST: Final = Prepared(
    lambda insert: insert(requests).on_conflict_do_nothing().returning(requests.c.space_id)
)


_ADD_TRANSACTION: Final = Prepared(lambda insert: insert(transactions))
_SET_ACCOUNT: Final = Prepared(
    lambda _: (
        update(accounts)
        .where(accounts.c.space_id == SPACE, accounts.c.id == bindparam("account_id"))
        .values(balance_micros=bindparam("balance"), version=bindparam("moves"))
    )
)
_IDS_OF: Final = Prepared(
    lambda _: select(accounts.c.name, accounts.c.id).where(
        accounts.c.space_id == SPACE, one_of(accounts.c.name, "names")
    )
)
_HOLD_ALL: Final = Prepared(
    lambda _: (
        select(accounts.c.id, accounts.c.balance_micros, accounts.c.version)
        .where(accounts.c.space_id == SPACE, one_of(accounts.c.id, "ids"))
        .order_by(accounts.c.id)
        .with_for_update()  # SQLite has one writer
    )
)
POSTED: Final = (transactions, accounts, entries)


@dataclass(frozen=True, slots=True)
class NewTransaction:
    """A transaction that is to be posted with others."""

    space: SpaceId
    transaction: Transaction
    fingerprint: bytes
    lines: Sequence[Posting]


def claim_key(tx: Tx, new: NewTransaction) -> bool:
    """Insert the transaction; False if its key was taken before."""
    return tx.row(_CLAIM, **_transaction_to_row(new)) is not None


def _transaction_to_row(new: NewTransaction) -> dict[str, Any]:
    transaction = new.transaction
    return {
        "id": transaction.id,
        "space_id": new.space,
        "key": transaction.key,
        "kind": transaction.kind,
        "reference": transaction.reference,
        "fingerprint": new.fingerprint,
        "at": transaction.at,
    }


def find_transaction(tx: Tx, space: SpaceId, key: str) -> tuple[Transaction, bytes] | None:
    t = transactions.c
    query = select(transactions).where(t.space_id == space, t.key == key)
    row = tx.execute(query).mappings().one_or_none()
    if row is None:
        return None
    e = entries.c
    lines = (
        select(entries, accounts.c.kind, accounts.c.unit, accounts.c.customer_id)
        .add_columns(accounts.c.object_id)
        .join(accounts, accounts.c.id == e.account_id)
        .where(e.space_id == space, e.transaction_id == row["id"])
        .order_by(accounts.c.name)
    )
    found = tuple(_entry(line) for line in tx.execute(lines).mappings())
    transaction = Transaction(
        row["id"], row["key"], row["kind"], row["reference"], row["at"], found
    )
    return transaction, bytes(row["fingerprint"])


def account_ids(tx: Tx, space: SpaceId, wanted: Sequence[Account]) -> dict[str, str]:
    """Return the ids of the accounts by name; the missing ones are opened."""
    by_name = {account.name: account for account in wanted}

    def load(names: Collection[str]) -> dict[str, str]:
        return _open_accounts(tx, space, [by_name[name] for name in names])

    return tx.remember_for_ever(("ledger account", space), by_name, load)


def _open_accounts(tx: Tx, space: SpaceId, wanted: Sequence[Account]) -> dict[str, str]:
    found = _find_ids(tx, space, [account.name for account in wanted])
    missing = [account for account in wanted if account.name not in found]
    if missing:
        rows = [
            {
                "id": new_id("lac"),
                "space_id": space,
                "name": account.name,
                "kind": account.kind.value,
                "unit": account.unit,
                "customer_id": account.customer_id,
                "object_id": account.object_id,
                "balance_micros": 0,
                "version": 0,
            }
            for account in missing
        ]
        tx.run_all(_ADD_ACCOUNT, rows)
        found |= _find_ids(tx, space, [account.name for account in missing])
    return found


def _find_ids(tx: Tx, space: SpaceId, names: Sequence[str]) -> dict[str, str]:
    return {row["name"]: row["id"] for row in tx.rows(_IDS_OF, space=space, names=names)}


def _entries_to_rows(
    space: SpaceId, transaction_id: str, made: Sequence[tuple[str, Entry]]
) -> list[dict[str, Any]]:
    return [
        {
            "space_id": space,
            "account_id": account_id,
            "version": entry.version,
            "transaction_id": transaction_id,
            "amount_micros": entry.amount_micros,
            "balance_before_micros": entry.balance_before_micros,
            "balance_after_micros": entry.balance_after_micros,
        }
        for account_id, entry in made
    ]


def add_all(tx: Tx, new: Sequence[NewTransaction]) -> None:
    """Post transactions under keys that nobody has used, each balance moved once.

    Errors: AmountTooLarge; IntegrityError (a key was used).
    """
    tx.run_all(_ADD_TRANSACTION, [_transaction_to_row(one) for one in new])
    for space in sorted({one.space for one in new}):
        move_balances(tx, space, [one for one in new if one.space == space])


def move_balances(tx: Tx, space: SpaceId, new: Sequence[NewTransaction]) -> list[Entry]:
    """Write the entries of transactions, and each balance once; return them in their order.

    Accounts are held in the order of their ids, so that two who post never wait in a circle.
    Errors: AmountTooLarge.
    """
    wanted = {line.account.name: line.account for one in new for line in one.lines}
    ids = account_ids(tx, space, list(wanted.values()))
    held = _hold_accounts(tx, space, sorted(ids.values()))
    rows, entries_made = [], []
    for one in new:
        made = [(ids[line.account.name], _move(held, ids, line)) for line in one.lines]
        entries_made += [entry for _, entry in made]
        rows += _entries_to_rows(space, one.transaction.id, made)
    tx.run_all(_ADD_ENTRY, rows)
    moved = [
        {"space": space, "account_id": id_, "balance": balance, "moves": version}
        for id_, (balance, version) in held.items()
    ]
    tx.run_all(_SET_ACCOUNT, moved)
    return entries_made


def _move(held: dict[str, tuple[int, int]], ids: Mapping[str, str], line: Posting) -> Entry:
    """Move a balance that is held, and return the entry of it."""
    account_id = ids[line.account.name]
    before, version = held[account_id]
    after = check_amount(before + line.amount_micros)
    held[account_id] = (after, version + 1)
    return Entry(line.account, line.amount_micros, before, after, version + 1)


def _hold_accounts(tx: Tx, space: SpaceId, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return the balances and versions of accounts, which are held until the commit."""
    rows = tx.rows(_HOLD_ALL, space=space, ids=ids)
    return {row["id"]: (row["balance_micros"], row["version"]) for row in rows}


def find_balance(tx: Tx, space: SpaceId, account: Account) -> int:
    t = accounts.c
    query = select(t.balance_micros).where(t.space_id == space, t.name == account.name)
    return tx.execute(query).scalar_one_or_none() or 0


def list_entries(
    tx: Tx, space: SpaceId, account: Account, *, after_version: int, limit: int
) -> list[tuple[str, Entry]]:
    """The entries of an account with their transaction's id, the oldest first."""
    e, a = entries.c, accounts.c
    query = (
        select(entries, a.kind, a.unit, a.customer_id, a.object_id)
        .join(accounts, a.id == e.account_id)
        .where(a.space_id == space, a.name == account.name, e.version > after_version)
        .order_by(e.version)
        .limit(limit)
    )
    return [(row["transaction_id"], _entry(row)) for row in tx.execute(query).mappings()]


def list_totals(tx: Tx, space: SpaceId) -> list[Total]:
    t = accounts.c
    query = (
        select(t.kind, t.unit, func.sum(t.balance_micros).label("total"))
        .where(t.space_id == space, t.unit.not_like("credits:%"))
        .group_by(t.kind, t.unit)
        .order_by(t.unit, t.kind)
    )
    return [Total(AccountKind(row.kind), row.unit, int(row.total)) for row in tx.execute(query)]


def sum_by_unit(
    tx: Tx, space: SpaceId | None, kinds: Sequence[AccountKind]
) -> dict[tuple[SpaceId, str], int]:
    """Sum the entries of the accounts of some kinds, per space and unit."""
    a = accounts.c
    query = (
        select(a.space_id, a.unit, func.sum(entries.c.amount_micros).label("total"))
        .join(entries, entries.c.account_id == a.id)
        .where(a.kind.in_([kind.value for kind in kinds]), *_in(a.space_id, space))
        .group_by(a.space_id, a.unit)
    )
    return {(SpaceId(row.space_id), row.unit): int(row.total) for row in tx.execute(query)}


def sum_by_object(
    tx: Tx, space: SpaceId | None, kind: AccountKind
) -> dict[tuple[SpaceId, str], int]:
    """Sum the entries of the accounts of one kind, per space and object."""
    a = accounts.c
    query = (
        select(a.space_id, a.object_id, func.sum(entries.c.amount_micros).label("total"))
        .join(entries, entries.c.account_id == a.id)
        .where(a.kind == kind.value, *_in(a.space_id, space))
        .group_by(a.space_id, a.object_id)
    )
    return {(SpaceId(row.space_id), row.object_id): int(row.total) for row in tx.execute(query)}


def sum_by_customer(
    tx: Tx, space: SpaceId | None, kind: AccountKind
) -> dict[tuple[SpaceId, str, str], int]:
    """Sum the entries of the accounts of one kind, per space, customer and unit."""
    a = accounts.c
    query = (
        select(a.space_id, a.customer_id, a.unit, func.sum(entries.c.amount_micros).label("total"))
        .join(entries, entries.c.account_id == a.id)
        .where(a.kind == kind.value, *_in(a.space_id, space))
        .group_by(a.space_id, a.customer_id, a.unit)
    )
    return {
        (SpaceId(row.space_id), row.customer_id, row.unit): int(row.total)
        for row in tx.execute(query)
    }


def find_request(tx: Tx, space: SpaceId, operation: str, key: str) -> tuple[str, bytes] | None:
    """Return the object that a key made, and the fingerprint; hold the key until the commit."""
    if not tx.is_sqlite:  # on SQLite there is one writer
        tx.rows(HOLD_NAME, name=f"ledger:{space}:{operation}:{key}")
    row = tx.row(_FIND_REQUEST, space=space, operation=operation, key=key)
    return None if row is None else (row["object_id"], bytes(row["fingerprint"]))


def add_request(
    tx: Tx,
    space: SpaceId,
    *,
    operation: str,
    key: str,
    fingerprint: bytes,
    object_id: str,
    at: datetime,
) -> bool:
    """Insert the key; False if it was taken before."""
    row = {
        "space_id": space,
        "operation": operation,
        "key": key,
        "fingerprint": fingerprint,
        "object_id": object_id,
        "at": at,
    }
    return tx.row(_ADD_REQUEST, **row) is not None


def list_differences(tx: Tx, space: SpaceId | None) -> list[Difference]:
    """Every sum that is not what it should be."""
    checks = {
        "transaction_sums_to_zero": _unbalanced(space),
        "account_equals_entries": _accounts_off(space),
        "account_version_counts_entries": _versions_off(space),
        "entry_follows_entry": _chain_off(space),
    }
    found: list[Difference] = []
    for check, query in checks.items():
        for row in tx.execute(query).all():
            owner, subject_id, expected, actual = tuple(row)
            found.append(Difference(SpaceId(owner), check, subject_id, int(expected), int(actual)))
    return found


def _unbalanced(space: SpaceId | None) -> Select[Any]:
    """Transactions whose entries of one unit do not sum to zero."""
    e = entries.c
    total = func.sum(e.amount_micros)
    return (
        select(e.space_id, e.transaction_id, literal(0), total)
        .join(accounts, accounts.c.id == e.account_id)
        .where(*_in(e.space_id, space))
        .group_by(e.space_id, e.transaction_id, accounts.c.unit)
        .having(total != 0)
        .order_by(e.transaction_id)
    )


def _accounts_off(space: SpaceId | None) -> Select[Any]:
    a = accounts.c
    total = func.coalesce(func.sum(entries.c.amount_micros), 0)
    return _per_account(space, total, a.balance_micros)


def _versions_off(space: SpaceId | None) -> Select[Any]:
    return _per_account(space, func.count(entries.c.version), accounts.c.version)


def _per_account(
    space: SpaceId | None, expected: ColumnElement[int], actual: ColumnElement[int]
) -> Select[Any]:
    a = accounts.c
    return (
        select(a.space_id, a.id, expected, actual)
        .outerjoin(entries, entries.c.account_id == a.id)
        .where(*_in(a.space_id, space))
        .group_by(a.space_id, a.id, actual)
        .having(expected != actual)
        .order_by(a.id)
    )


def _chain_off(space: SpaceId | None) -> Select[Any]:
    """Entries whose balance before is not the balance after of the one before them."""
    e = entries.c
    before = func.lag(e.balance_after_micros).over(partition_by=e.account_id, order_by=e.version)
    row = select(
        e.space_id,
        e.account_id,
        e.balance_before_micros,
        e.balance_after_micros,
        (e.balance_before_micros + e.amount_micros).label("sum"),
        func.coalesce(before, 0).label("expected"),
    ).where(*_in(e.space_id, space))
    line = row.subquery()
    off = or_(
        line.c.balance_before_micros != line.c.expected,
        line.c.balance_after_micros != line.c.sum,
    )
    broken_chain = line.c.balance_before_micros != line.c.expected
    return select(
        line.c.space_id,
        line.c.account_id,
        case((broken_chain, line.c.expected), else_=line.c.sum),
        case((broken_chain, line.c.balance_before_micros), else_=line.c.balance_after_micros),
    ).where(off)


def _in(column: ColumnElement[int], space: SpaceId | None) -> list[ColumnElement[bool]]:
    return [] if space is None else [column == space]


def _entry(row: Mapping[Any, Any]) -> Entry:
    account = Account(AccountKind(row["kind"]), row["unit"], row["customer_id"], row["object_id"])
    return Entry(
        account,
        row["amount_micros"],
        row["balance_before_micros"],
        row["balance_after_micros"],
        row["version"],
    )
