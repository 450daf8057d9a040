"""A wallet held for a change, and brought up to the time of it.

Grants land when they become effective and expire when they end. Every change does first what
time has done; due work does it for wallets that nobody touches.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.ledger import service as ledger
from tallybook.server.ledger.errors import AmountTooLarge
from tallybook.server.ledger.models import AccountKind, Posting
from tallybook.server.storage import Tx
from tallybook.server.wallets.errors import InsufficientWalletBalance, KeySpent, WalletNotFound
from tallybook.server.wallets.models import Burn, Grant, Transaction, TransactionType, Wallet
from tallybook.server.wallets.rules import burn_down, lives
from tallybook.server.wallets.rules.books import Books
from tallybook.server.wallets.rules.units import money_of
from tallybook.server.wallets.store import grants, transactions, wallets

from . import announce, recharge


@dataclass(slots=True)
class Held:
    """A wallet and its grants with something left, held until the commit."""

    wallet: Wallet
    grants: dict[str, Grant]


def hold(tx: Tx, space: SpaceId, wallet_id: str, at: datetime) -> Held:
    """Errors: WalletNotFound."""
    return hold_all(tx, space, [wallet_id], at)[wallet_id]


def hold_all(tx: Tx, space: SpaceId, wallet_ids: Collection[str], at: datetime) -> dict[str, Held]:
    """Hold wallets, always in the order of their ids. Errors: WalletNotFound."""
    found = wallets.lock(tx, space, wallet_ids)
    for wallet_id in wallet_ids:
        if wallet_id not in found:
            raise WalletNotFound(wallet_id=wallet_id)
    live = grants.list_live(tx, space, wallet_ids)
    held = {
        wallet_id: Held(wallet, {grant.id: grant for grant in live[wallet_id]})
        for wallet_id, wallet in found.items()
    }
    for one in held.values():
        for when, step, grant in lives.steps(list(one.grants.values()), at):
            if step is lives.Step.LAND:
                land(tx, space, one, grant, at=when)
            else:
                _expire(tx, space, one, grant.id, at=when)
    return held


def move(
    tx: Tx,
    space: SpaceId,
    held: Held,
    line: Transaction,
    *,
    key: str,
    postings: Sequence[Posting],
    floor_micros: int | None = None,
    overdraft_value_micros: int = 0,
) -> Transaction:
    """Change a balance: the wallet, the books, the statement and the news of it, or nothing.

    Errors: InsufficientWalletBalance (below the floor); AmountTooLarge.
    """
    before = held.wallet
    after = wallets.move_balance(
        tx,
        space,
        before,
        credits_micros=line.credits_micros,
        overdraft_value_micros=overdraft_value_micros,
        floor_micros=floor_micros,
        at=line.created_at,
    )
    if after is None and line.credits_micros > 0:
        raise AmountTooLarge(amount=str(line.credits_micros // 1_000_000))
    if after is None:
        raise InsufficientWalletBalance(wallet_id=before.id, currency=before.currency)
    kind = f"wallet.{line.type.value}"
    at = line.created_at
    posted = ledger.post(tx, space, key=key, postings=postings, at=at, kind=kind, reference=line.id)
    if posted.replayed:  # the balance has moved already: undo it all
        raise KeySpent(key=key)
    line = replace(line, balance_after_micros=after.balance_micros)
    transactions.add(tx, space, line, position=after.version)
    held.wallet = after
    announce.moved(tx, space, after, line)
    if line.credits_micros < 0:
        recharge.after_debit(tx, space, after, before=before.balance_micros, at=at)
    return line


def take(tx: Tx, space: SpaceId, held: Held, burns: Sequence[Burn]) -> None:
    """Take what was burned out of the grants. Errors: InsufficientWalletBalance."""
    if not grants.take(tx, space, burns):
        raise InsufficientWalletBalance(wallet_id=held.wallet.id, currency=held.wallet.currency)
    for burn in burns:
        grant = held.grants[burn.grant_id]
        held.grants[burn.grant_id] = replace(
            grant,
            remaining_micros=grant.remaining_micros - burn.credits_micros,
            value_micros=grant.value_micros - burn.value_micros,
        )


def land(
    tx: Tx,
    space: SpaceId,
    held: Held,
    grant: Grant,
    *,
    at: datetime,
    money: Sequence[Posting] = (),
) -> Transaction:
    """Let a grant into the balance; an overdraft is repaid out of it first.

    `money` are the postings of what was paid for it.
    """
    wallet, books = held.wallet, Books(held.wallet)
    postings = [*books.issue(grant.id, grant.credits_micros), *money]
    repaid = min(grant.credits_micros, wallet.overdraft_micros)
    face = value = 0
    if repaid:
        face = burn_down.share(wallet.overdraft_value_micros, repaid, wallet.overdraft_micros)
        value = burn_down.value_in(grant, repaid)
        postings += books.repay(grant.id, repaid)
        postings += books.use(face=face, value=value, into=AccountKind.OVERDRAFT)
    landed = replace(
        grant,
        has_landed=True,
        remaining_micros=grant.credits_micros - repaid,
        value_micros=grant.value_micros - value,
    )
    grants.land(tx, space, grant.id, remaining=landed.remaining_micros, value=landed.value_micros)
    held.grants[grant.id] = landed
    return move(
        tx,
        space,
        held,
        replace(line_of(grant, wallet), created_at=at, effective_at=None),
        key=f"grant:{grant.id}:landed",
        postings=postings,
        overdraft_value_micros=-face,
    )


def line_of(grant: Grant, wallet: Wallet) -> Transaction:
    """Return the line that a grant makes when it lands, before it has."""
    return Transaction(
        id=grant.transaction_id,
        wallet_id=wallet.id,
        type=grant.type,
        credit_type=grant.credit_type,
        amount=grant.amount,
        credits_micros=grant.credits_micros,
        balance_after_micros=wallet.balance_micros,
        created_at=grant.created_at,
        source=grant.source,
        reference=grant.reference,
        description=grant.description,
        idempotency_key=grant.idempotency_key,
        payment_id=grant.payment_id,
        grant_id=grant.id,
        effective_at=grant.effective_at,
        metadata=grant.metadata,
    )


def _expire(tx: Tx, space: SpaceId, held: Held, grant_id: str, *, at: datetime) -> None:
    """What is left of a grant can no longer be spent: breakage, as far as it was paid for."""
    grant, wallet, books = held.grants[grant_id], held.wallet, Books(held.wallet)
    left = grant.remaining_micros
    if left == 0:
        return
    burn = Burn(grant.id, grant.credit_type, left, grant.value_micros)
    take(tx, space, held, [burn])
    line = Transaction(
        id=new_id("wtx"),
        wallet_id=wallet.id,
        type=TransactionType.EXPIRY,
        credit_type=grant.credit_type,
        amount=-money_of(left, wallet.conversion_rate, wallet.currency),
        credits_micros=-left,
        balance_after_micros=0,
        created_at=at,
        source="expiry",
        reference=grant.reference,
        grant_id=grant.id,
    )
    postings = [*books.take([burn], AccountKind.EXPIRED), *books.drop(grant.value_micros)]
    move(tx, space, held, line, key=f"grant:{grant.id}:expired", postings=postings)


def expire_grant(tx: Tx, space: SpaceId, grant_id: str, at: datetime) -> None:
    """Due work `wallet.expire_grant`: what time has done to the wallet by now."""
    _catch_up(tx, space, grant_id, at)


def land_grant(tx: Tx, space: SpaceId, grant_id: str, at: datetime) -> None:
    """Due work `wallet.land_grant`: what time has done to the wallet by now."""
    _catch_up(tx, space, grant_id, at)


def _catch_up(tx: Tx, space: SpaceId, grant_id: str, at: datetime) -> None:
    grant = grants.find(tx, space, grant_id)
    if grant is not None:
        hold(tx, space, grant.wallet_id, at)
