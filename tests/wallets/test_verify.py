"""A difference that is planted is found."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import Executable, delete, update

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.payments.tables import payments
from tallybook.server.storage import Database
from tallybook.server.wallets.tables import grants, transactions, wallets

from .steps import Desk

Plant = Callable[[str], Executable]

PLANTED: list[tuple[Plant, set[str]]] = [
    (
        lambda wallet_id: (
            update(wallets)
            .where(wallets.c.id == wallet_id)
            .values(balance_micros=wallets.c.balance_micros + 1)
        ),
        {"wallet_equals_ledger", "wallet_equals_statement", "wallet_equals_grants"},
    ),
    (
        lambda wallet_id: (
            update(grants)
            .where(grants.c.wallet_id == wallet_id)
            .values(remaining_micros=grants.c.remaining_micros - 1)
        ),
        {"wallet_equals_grants", "grant_equals_ledger"},
    ),
    (
        lambda wallet_id: (
            update(grants)
            .where(grants.c.wallet_id == wallet_id)
            .values(value_micros=grants.c.value_micros - 1)
        ),
        {"paid_credit_equals_ledger"},
    ),
    (
        lambda wallet_id: (
            update(wallets).where(wallets.c.id == wallet_id).values(overdraft_value_micros=1)
        ),
        {"overdraft_equals_ledger"},
    ),
    (
        lambda wallet_id: delete(transactions).where(transactions.c.wallet_id == wallet_id),
        {"wallet_equals_statement", "wallet_version_counts_statement"},
    ),
    (
        lambda _: update(payments).values(refunded_micros=1),
        {"payment_refunds_add_up"},
    ),
]


@pytest.mark.parametrize(("plant", "expected"), PLANTED)
def test_a_planted_difference_is_found(
    db: Database, space: SpaceId, plant: Plant, expected: set[str]
) -> None:
    desk = Desk.open(db, space)
    wallet = desk.default()
    desk.top_up(wallet, "10")
    desk.wallet("Other", initial_credits=Decimal(5))
    assert desk.differences() == []
    db.write_now(lambda tx: tx.execute(plant(wallet)))
    assert set(desk.differences()) == expected
