"""Every kind of due work, and the use case that it calls."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from tallybook.server.access import service as access
from tallybook.server.billing import cancel, collect, dun, renew, standing, suspend, together
from tallybook.server.costs import spending
from tallybook.server.costs.models import BUDGET_ACCESS
from tallybook.server.identity.models import Space
from tallybook.server.ingest.models import WINDOW_END
from tallybook.server.invoicing.models import WORK_DUE, WORK_DUN
from tallybook.server.storage import Tx
from tallybook.server.wallets import service as wallets

Work = Callable[[Tx, Space, str, datetime, datetime], None]
"""(tx, space, subject id, when it fell due, now)."""


def _expire_grant(tx: Tx, space: Space, grant_id: str, _due_at: datetime, now: datetime) -> None:
    wallets.expire_grant(tx, space.id, grant_id, at=now)


def _land_grant(tx: Tx, space: Space, grant_id: str, _due_at: datetime, now: datetime) -> None:
    wallets.land_grant(tx, space.id, grant_id, at=now)


KINDS: Final[Mapping[str, Work]] = {
    renew.PERIOD_END: renew.end_period,  # a billing period or a trial ends
    renew.START: renew.start,  # a scheduled subscription begins
    renew.TRIAL_ENDING: renew.tell_trial_ending,  # a trial ends in three days
    renew.RESUME: suspend.resume_due,  # the resume date of a suspended subscription
    cancel.CANCEL: cancel.cancel_due,  # a cancel takes effect
    renew.ADJUST: renew.adjust_ended,  # a day of late usage of an ended subscription is over
    renew.FINALIZE: renew.finalize_cycle,  # the grace for late usage is over
    WINDOW_END: access.end_window,  # a quota window whose limit was reached is over
    standing.GRACE_END: standing.end_grace,  # a past due subscription gives access no longer
    BUDGET_ACCESS: spending.tell_access,  # a budget denies access, or no longer does
    WORK_DUE: collect.fall_due,  # an open invoice is due
    WORK_DUN: dun.dun,  # one that was not paid when due is tried again
    "wallet.expire_grant": _expire_grant,
    "wallet.land_grant": _land_grant,
}

Read = Callable[[Tx, Space, Sequence[str]], None]
"""(tx, space, subject ids)."""

TOGETHER: Final[Mapping[str, Read]] = {
    renew.PERIOD_END: together.read_for_period_ends,
    renew.FINALIZE: together.read_for_finalizing,
}
"""What is done many at a time in one transaction, and what reads for all of them."""
