"""Whether the wallets agree with the ledger."""

from collections.abc import Iterator

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.ledger import service as ledger
from tallybook.server.ledger.models import AccountKind, Difference, credits_unit
from tallybook.server.storage import Tx
from tallybook.server.wallets.store import grants, wallets

_IN_THE_WALLET = (AccountKind.GRANT, AccountKind.WALLET_OVERDRAFT)


def verify(tx: Tx, space: SpaceId | None = None) -> list[Difference]:
    """Return every number of a wallet that the ledger or the statement tells otherwise."""
    return [*_balances(tx, space), *_grants(tx, space), *_money(tx, space)]


def _balances(tx: Tx, space: SpaceId | None) -> Iterator[Difference]:
    entries = ledger.sum_by_unit(tx, space, _IN_THE_WALLET)
    lines = wallets.sum_statements(tx, space)
    left = wallets.sum_grants(tx, space)
    for owner, wallet in wallets.list_all(tx, space):
        balance = wallet.balance_micros
        booked = entries.get((owner, credits_unit(wallet.id)), 0)
        total, count = lines.get(wallet.id, (0, 0))
        for check, expected, actual in (
            ("wallet_equals_ledger", booked, balance),
            ("wallet_equals_statement", total, balance),
            ("wallet_version_counts_statement", count, wallet.version),
            ("wallet_equals_grants", left.get(wallet.id, 0), max(0, balance)),
        ):
            if expected != actual:
                yield Difference(owner, check, wallet.id, expected, actual)


def _grants(tx: Tx, space: SpaceId | None) -> Iterator[Difference]:
    booked = ledger.sum_by_object(tx, space, AccountKind.GRANT)
    for owner, grant_id, remaining in grants.list_remaining(tx, space):
        expected = booked.get((owner, grant_id), 0)
        if expected != remaining:
            yield Difference(owner, "grant_equals_ledger", grant_id, expected, remaining)


def _money(tx: Tx, space: SpaceId | None) -> Iterator[Difference]:
    """What is owed as credit is what was paid for it; what overdrafts owe us likewise."""
    owed = ledger.sum_by_customer(tx, space, AccountKind.CUSTOMER_CREDIT)
    values = grants.sum_values(tx, space)
    overdrafts = ledger.sum_by_customer(tx, space, AccountKind.OVERDRAFT)
    overdrawn: dict[tuple[SpaceId, str, str], int] = {}
    for owner, wallet in wallets.list_all(tx, space):
        place = (owner, wallet.customer_id, wallet.currency)
        overdrawn[place] = overdrawn.get(place, 0) + wallet.overdraft_value_micros
    for check, booked, kept, sign in (
        ("paid_credit_equals_ledger", owed, values, -1),
        ("overdraft_equals_ledger", overdrafts, overdrawn, 1),
    ):
        for place in sorted({*booked, *kept}):
            expected, actual = sign * booked.get(place, 0), kept.get(place, 0)
            if expected != actual:
                yield Difference(place[0], check, f"{place[1]} {place[2]}", expected, actual)
