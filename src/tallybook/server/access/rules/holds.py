"""What a hold may become."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from tallybook.server.access.errors import HoldOver
from tallybook.server.access.models import Hold, HoldStatus
from tallybook.server.kernel.money import EXACT, ZERO


def status_at(hold: Hold, at: datetime) -> HoldStatus:
    """Return a hold's status at a time: it expires by itself."""
    if hold.status is HoldStatus.HELD and hold.expires_at <= at:
        return HoldStatus.EXPIRED
    return hold.status


def settled(hold: Hold, quantity: Decimal, at: datetime) -> Hold:
    """Return the hold settled with what was used, more or less than held. Errors: HoldOver."""
    _require_held(hold, at)
    return replace(hold, status=HoldStatus.SETTLED, settled_quantity=quantity, updated_at=at)


def released(hold: Hold, at: datetime) -> Hold:
    """Return the hold released: nothing was used. Errors: HoldOver."""
    _require_held(hold, at)
    return replace(hold, status=HoldStatus.RELEASED, updated_at=at)


def total(quantities: Sequence[Decimal]) -> Decimal:
    """Return the sum of what is held."""
    held = ZERO
    for quantity in quantities:
        held = EXACT.add(held, quantity)
    return held


def _require_held(hold: Hold, at: datetime) -> None:
    status = status_at(hold, at)
    if status is not HoldStatus.HELD:
        raise HoldOver(hold_id=hold.id, current_state=status.value)
