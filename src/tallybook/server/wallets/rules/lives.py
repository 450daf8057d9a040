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

    `grants` are those that have something left, landed or not. What time has done since is
    reckoned here in the same steps in which it will be written.
    """
    total, left = stored_micros, {grant.id: 0 for grant in grants}
    for grant in grants:
        if grant.has_landed:
            left[grant.id] = grant.remaining_micros
    for _, step, grant in steps(grants, at):
        if step is Step.LAND:  # an overdraft is repaid out of it
            left[grant.id] = grant.remaining_micros - min(grant.remaining_micros, max(0, -total))
            total += grant.remaining_micros
        else:
            total -= left[grant.id]
            left[grant.id] = 0
    by_type = dict.fromkeys(CreditType, 0)
    for grant in grants:
        by_type[grant.credit_type] += left[grant.id]
    return total, by_type
