"""The test clock: set forward, with all that falls due on the way, in order."""

import time
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from tallybook.server.customers import service as customers
from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Space
from tallybook.server.kernel import clock
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Database, Tx, due

from .charging import Charger, Gateways
from .runner import claim, run_claimed

_POLL_S: Final = 0.01
_AT_ONCE: Final = 200


def advance(db: Database, space: Space, to: datetime, *, gateways: Gateways | None = None) -> Space:
    """Move a test space to `to`; renewals, trials and the like on the way are done at return.

    Each runs with the clock standing where it fell due, the earliest first. What is charged at a
    provider that `gateways` reach is charged there, too, before the clock moves on.
    Errors: TestKeyRequired; ClockGoesForward.
    """
    db.write_now(lambda tx: _begin(tx, space.id, to))
    _charge_all(db, space, gateways or {})
    while True:
        step = db.read(lambda tx: due.next_time(tx, space.id, until=to))
        if step is None:
            break
        db.write_now(partial(_move, space_id=space.id, to=step))
        _run_all(db, space.id, step)
        _charge_all(db, space, gateways or {})
    db.write_now(lambda tx: _move(tx, space.id, to))
    return db.read(lambda tx: identity.get_space(tx, space.id))


def _begin(tx: Tx, space_id: SpaceId, to: datetime) -> None:
    """Check the move, and take the space off real time: from here on its clock stands still."""
    space, now = identity.get_space(tx, space_id), clock.now()
    is_empty = not customers.any_exist(tx, space_id)
    identity.check_clock(space, to, now=now, is_empty=is_empty)
    if space.clock_at is None:
        identity.set_clock(tx, space_id, to if is_empty else min(now, to))


def _move(tx: Tx, space_id: SpaceId, to: datetime) -> None:
    clock_at = identity.get_space(tx, space_id).clock_at
    if clock_at is not None and to > clock_at:
        identity.set_clock(tx, space_id, to)


def _run_all(db: Database, space: SpaceId, at: datetime) -> None:
    """Run what is due in a space up to `at`, what another worker has leased included."""
    while True:
        items = claim(db, only=space, limit=_AT_ONCE)
        if items:
            run_claimed(db, items, retry=timedelta(0))
        elif db.read(lambda tx: due.next_time(tx, space, until=at)) is None:
            return
        else:
            time.sleep(_POLL_S)


def _charge_all(db: Database, space: Space, gateways: Gateways) -> None:
    """Have done what providers are asked for in a space now, what another has leased included."""
    gateway = gateways.get(space.mode)
    if gateway is None:
        return
    charger = Charger(db, gateways)
    try:
        while not charger.is_done(space.id):
            if not charger.step(only=space.id):
                time.sleep(_POLL_S)
    finally:
        gateway.close()
