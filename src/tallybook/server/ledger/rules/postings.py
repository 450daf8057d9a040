"""What makes a set of postings a transaction."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from tallybook.server.kernel.money import plain, to_micro_units
from tallybook.server.ledger.errors import AmountTooLarge, TooManyPlaces, Unbalanced
from tallybook.server.ledger.models import Account, Posting

AMOUNT_MAX: Final = 2**63 - 1  # what both databases keep exactly; SQLite would go on as a float


def check_balanced(postings: Sequence[Posting]) -> None:
    """Raise Unbalanced unless each unit sums to zero. Amounts are int: NaN has no way in."""
    totals: defaultdict[str, int] = defaultdict(int)
    for posting in postings:
        totals[posting.account.unit] += posting.amount_micros
    if off := {unit: total for unit, total in totals.items() if total}:
        raise Unbalanced(totals=off)


def merge(postings: Sequence[Posting]) -> list[Posting]:
    """Return one posting an account, in the order of their names; those of zero are left out."""
    totals: defaultdict[Account, int] = defaultdict(int)
    for posting in postings:
        totals[posting.account] += posting.amount_micros
    merged = [Posting(account, total) for account, total in totals.items() if total]
    return sorted(merged, key=lambda posting: posting.account.name)


def move(amount_micros: int, *, debit: Account, credit: Account) -> list[Posting]:
    """Return the two postings that carry an amount from one account to another."""
    return [Posting(debit, amount_micros), Posting(credit, -amount_micros)]


def check_amount(amount_micros: int) -> int:
    if abs(amount_micros) > AMOUNT_MAX:
        raise AmountTooLarge(amount=str(amount_micros // 1_000_000))
    return amount_micros


def to_ledger(amount: Decimal) -> int:
    """Return an amount from outside as the ledger's integer.

    Errors: TooManyPlaces (more than six); AmountTooLarge.
    """
    try:
        micros = to_micro_units(amount)
    except ValueError:
        raise TooManyPlaces(amount=plain(amount)) from None
    if abs(micros) > AMOUNT_MAX:
        raise AmountTooLarge(amount=plain(amount))
    return micros
