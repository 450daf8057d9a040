"""Which credit is spent first, and what was paid for it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tallybook.server.wallets.models import Burn, CreditType, Grant

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


def is_alive(grant: Grant, at: datetime) -> bool:
    """Tell whether a grant can be spent: on [effective, expires)."""
    return grant.effective_at <= at and (grant.expires_at is None or at < grant.expires_at)


def burn_order(grant: Grant) -> tuple[Any, ...]:
    """The key to sort by.

    Source: semantics, choice 22: priority ascending, earliest expiry (none last), free,
    promotional and bonus before purchased, earliest effective, id.
    """
    return (
        grant.priority,
        grant.expires_at or _NEVER,
        grant.credit_type is CreditType.PURCHASED,
        grant.effective_at,
        grant.id,
    )


def burn_down(grants: Sequence[Grant], credits_micros: int, at: datetime) -> tuple[list[Burn], int]:
    """Return what to take from which grant, and how much they could not cover.

    Holds: the burns and the rest add up to the credits; no grant goes below zero.
    """
    burns, left = [], credits_micros
    for grant in sorted(grants, key=burn_order):
        if not left:
            break
        taken = min(left, grant.remaining_micros) if is_alive(grant, at) else 0
        if taken > 0:
            burns.append(Burn(grant.id, grant.credit_type, taken, value_in(grant, taken)))
            left -= taken
    return burns, left


def value_in(grant: Grant, credits_micros: int) -> int:
    """Return the paid money in a part of what remains of a grant.

    Holds: taken part by part, the values add up to all that was paid, to the last millionth.
    """
    return share(grant.value_micros, credits_micros, grant.remaining_micros)


def share(total: int, part: int, whole: int) -> int:
    """Return total × part ÷ whole rounded down; the whole takes all."""
    return total if part == whole else total * part // whole


def credits_worth(grant: Grant, value_micros: int) -> int:
    """Return the credits to take back for a part of a grant's money, rounded up."""
    if value_micros >= grant.value_micros:
        return grant.remaining_micros
    return -(-grant.remaining_micros * value_micros // grant.value_micros)
