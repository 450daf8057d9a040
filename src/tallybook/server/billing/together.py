"""What many renewals need, read for all of them in a few statements.

Nothing is decided here: each renewal asks for what it needs as if it were alone, and finds it
read. Locks are taken in the order in which one renewal takes them, each kind by its
ids.
"""

from collections.abc import Sequence

from tallybook.server.customers import service as customers
from tallybook.server.identity.models import Space
from tallybook.server.ingest.recount import keep_quiet
from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing.models import InvoiceType
from tallybook.server.metering.service import counters
from tallybook.server.payments import service as payments
from tallybook.server.storage import Tx, outbox
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Subscription
from tallybook.server.wallets import service as wallets

from .renew import cycle_of


def read_for_period_ends(tx: Tx, space: Space, sub_ids: Sequence[str]) -> None:
    """Read what `renew.end_period` asks for."""
    subs = _hold(tx, space, sub_ids)
    ends = [sub.current_period_end for sub in subs if sub.current_period_end is not None]
    if ends:
        customer_ids = sorted({sub.customer_id for sub in subs})
        keep_quiet(tx, space, customer_ids, since=min(ends))
    counters.keep_periods(tx, space.id, [sub.id for sub in subs])
    opening = [(sub.id, sub.current_period + 1) for sub in subs if sub.current_period is not None]
    if opening:
        places = [(sub_id, number, InvoiceType.CYCLE) for sub_id, number in opening]
        invoicing.keep_generated(tx, space.id, places)


def read_for_finalizing(tx: Tx, space: Space, subject_ids: Sequence[str]) -> None:
    """Read what `renew.finalize_cycle` asks for."""
    places = [cycle_of(subject_id) for subject_id in subject_ids]
    subs = _hold(tx, space, [sub_id for sub_id, _, _ in places])
    counters.keep_periods(tx, space.id, [sub.id for sub in subs])
    drafts = invoicing.keep_generated(tx, space.id, places)
    if drafts:
        ids = [draft.id for draft in drafts]
        payments.keep_unpaid(tx, space.id, ids)
        outbox.keep_last(tx, space.id, ids)
    wallets.keep_empty(tx, space.id, sorted({sub.customer_id for sub in subs}))


def _hold(tx: Tx, space: Space, sub_ids: Sequence[str]) -> list[Subscription]:
    subs = subscriptions.keep(tx, space.id, sorted(set(sub_ids)))
    customers.keep(tx, space.id, sorted({sub.customer_id for sub in subs}))
    return subs
