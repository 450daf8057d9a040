"""The door to the books: post, look, verify."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.storage import Tx

from . import store
from .errors import KeyReused, NothingToPost
from .models import Account, AccountKind, Difference, Entry, Posting, Total, Transaction
from .rules.postings import check_amount, check_balanced, merge
from .rules.prints import print_of


def post(
    tx: Tx,
    space: SpaceId,
    *,
    key: str,
    postings: Sequence[Posting],
    at: datetime,
    kind: str,
    reference: str = "",
) -> Transaction:
    """Write one balanced transaction; a key that was posted before posts nothing again.

    Holds: each unit sums to zero; every balance is the sum of its entries.
    Errors: Unbalanced, NothingToPost (our own bugs); AmountTooLarge; KeyReused (the key stands
    for other postings). A replay is marked `replayed`: whoever keeps balances beside the ledger
    looks for the key first.
    """
    transaction = Transaction(new_id("ltx"), key, kind, reference, at, ())
    new = _checked(space, transaction, postings)
    if not store.claim_key(tx, new):
        found = store.find_transaction(tx, space, key)
        assert found is not None
        if found[1] != new.fingerprint:
            raise KeyReused(idempotency_key=key)
        return replace(found[0], replayed=True)
    return replace(transaction, entries=tuple(store.move_balances(tx, space, [new])))


def post_new(
    tx: Tx,
    space: SpaceId,
    *,
    key: str,
    postings: Sequence[Posting],
    at: datetime,
    kind: str,
    reference: str = "",
) -> None:
    """Post under a key that nobody has used; in gathered work with all others, at its end.

    Errors: those of `post`; IntegrityError or RowMissed at the end, which undo all.
    """
    if not tx.gathers:
        post(tx, space, key=key, postings=postings, at=at, kind=kind, reference=reference)
        return
    transaction = Transaction(new_id("ltx"), key, kind, reference, at, ())
    new = _checked(space, transaction, postings)
    tx.do_together(store.add_all, new, tables=store.POSTED)


def _checked(
    space: SpaceId, transaction: Transaction, postings: Sequence[Posting]
) -> store.NewTransaction:
    """Return what is posted, an account a line, with the fingerprint of it."""
    lines = merge(postings)
    if not lines:
        raise NothingToPost(key=transaction.key)
    for line in lines:
        check_amount(line.amount_micros)
    check_balanced(lines)
    named = [(line.account.name, line.amount_micros) for line in lines]
    fingerprint = print_of({"kind": transaction.kind, "lines": named})
    return store.NewTransaction(space, transaction, fingerprint, lines)


def find(tx: Tx, space: SpaceId, key: str) -> Transaction | None:
    """Return what a key posted, or None."""
    found = store.find_transaction(tx, space, key)
    return None if found is None else found[0]


def get_balance(tx: Tx, space: SpaceId, account: Account) -> int:
    """Return a balance in micros: 0 for an account that nothing was posted to."""
    return store.find_balance(tx, space, account)


def list_entries(
    tx: Tx, space: SpaceId, account: Account, *, after_version: int = 0, limit: int = 100
) -> list[tuple[str, Entry]]:
    """Return the entries of an account with their transaction's id, the oldest first."""
    return store.list_entries(tx, space, account, after_version=after_version, limit=limit)


def list_totals(tx: Tx, space: SpaceId) -> list[Total]:
    """Return the project's own accounts in money: each kind summed over all customers."""
    return store.list_totals(tx, space)


def find_request(
    tx: Tx, space: SpaceId, *, operation: str, key: str, fingerprint: bytes
) -> str | None:
    """Return the id of what this key made before, or None.

    Holds: for ever, past the 30 days of the HTTP records. The key is held until the commit, so
    that of two at once the second finds the first; ask before locking anything else.
    Errors: KeyReused (another request under the same key).
    """
    found = store.find_request(tx, space, operation, key)
    if found is None:
        return None
    object_id, earlier = found
    if earlier != fingerprint:
        raise KeyReused(idempotency_key=key)
    return object_id


def keep_request(
    tx: Tx,
    space: SpaceId,
    *,
    operation: str,
    key: str,
    fingerprint: bytes,
    object_id: str,
    at: datetime,
) -> None:
    """Remember for ever what a key made. Errors: KeyReused (somebody was faster with it)."""
    if not store.add_request(
        tx,
        space,
        operation=operation,
        key=key,
        fingerprint=fingerprint,
        object_id=object_id,
        at=at,
    ):
        raise KeyReused(idempotency_key=key)


def claim_request(
    tx: Tx,
    space: SpaceId,
    *,
    operation: str,
    key: str,
    fingerprint: bytes,
    object_id: str,
    at: datetime,
) -> str | None:
    """Keep for ever what a key is about to make; return the id of what it made before, or None.

    In one statement what `find_request` and `keep_request` do: of two at once, the second waits
    for the first. Errors: KeyReused.
    """
    if store.add_request(
        tx,
        space,
        operation=operation,
        key=key,
        fingerprint=fingerprint,
        object_id=object_id,
        at=at,
    ):
        return None
    return find_request(tx, space, operation=operation, key=key, fingerprint=fingerprint)


def sum_by_unit(
    tx: Tx, space: SpaceId | None, kinds: Sequence[AccountKind]
) -> dict[tuple[SpaceId, str], int]:
    """Sum the entries of some kinds of account per space and unit: for other rooms' `verify`."""
    return store.sum_by_unit(tx, space, kinds)


def sum_by_object(
    tx: Tx, space: SpaceId | None, kind: AccountKind
) -> dict[tuple[SpaceId, str], int]:
    """Sum the entries of one kind of account per space and object."""
    return store.sum_by_object(tx, space, kind)


def sum_by_customer(
    tx: Tx, space: SpaceId | None, kind: AccountKind
) -> dict[tuple[SpaceId, str, str], int]:
    """Sum the entries of one kind of account per space, customer and unit."""
    return store.sum_by_customer(tx, space, kind)


def verify(tx: Tx, space: SpaceId | None = None) -> list[Difference]:
    """Return every sum that is not what it should be; empty when the books are right."""
    return store.list_differences(tx, space)
