"""What time does to grants: they land in the balance, and what is not spent expires."""

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum

from tallybook.server.wallets.errors import GrantNeverAlive
from tallybook.server.wallets.models import CreditType, Grant


class Step(IntEnum):
    EXPIRE = 0  # at one instant, what ends goes before what begins
    LAND = 1


def steps(grants: Sequence[Grant], until: datetime) -> list[tuple[datetime, Step, Grant]]:
    """Return what has to happen to the grants up to an instant, in the order of time."""
    found = []
    for grant in grants:
        ends_at = grant.expires_at
        if not grant.has_landed and grant.effective_at <= until:
            found.append((grant.effective_at, Step.LAND, grant))
        if ends_at is not None and ends_at <= until:
            found.append((ends_at, Step.EXPIRE, grant))
    return sorted(found, key=lambda step: (step[0], step[1], step[2].id))


def check_life(*, effective_at: datetime, expires_at: datetime | None, at: datetime) -> None:
    """Errors: GrantNeverAlive (it would expire before anybody could spend it)."""
    if expires_at is not None and expires_at <= max(effective_at, at):
        raise GrantNeverAlive()


def balance_as_of(
    stored_micros: int, grants: Sequence[Grant], at: datetime
) -> tuple[int, dict[CreditType, int]]:
    """Return the credits alive at an instant, and how they divide by type.

    `grants` are those that have something left, or have not landed.
    """
    total, by_type = stored_micros, dict.fromkeys(CreditType, 0)
    for grant in grants:
        ended = grant.expires_at is not None and grant.expires_at <= at
        effective = grant.effective_at <= at
        if grant.has_landed and ended:
            total -= grant.remaining_micros
        elif not grant.has_landed and effective and not ended:
            total += grant.remaining_micros
        if effective and not ended:
            by_type[grant.credit_type] += grant.remaining_micros
    overdrawn = max(0, sum(by_type.values()) - max(total, 0))
    for credit_type in CreditType:  # credit that lands on an overdraft repays it
        repaid = min(overdrawn, by_type[credit_type])
        by_type[credit_type] -= repaid
        overdrawn -= repaid
    return total, by_type
