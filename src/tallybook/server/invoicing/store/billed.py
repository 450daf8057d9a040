"""What finalized lines have billed, and on which versions of the counters."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import and_, func, literal, or_, select

from tallybook.server.invoicing.models import SOURCE_CHARGE, InvoiceStatus
from tallybook.server.invoicing.tables import invoice_lines, invoices
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.storage.prepared import SPACE, Prepared, one_of

_l: Final = invoice_lines.c


_BILLED: Final = Prepared(
    lambda _: (
        select(
            _l.subscription_id,
            _l.period_number,
            _l.meter_id,
            func.max(_l.pricing["counter_version"].as_integer()).label("version"),
        )
        .join(invoices, invoices.c.id == _l.invoice_id)
        .where(
            _l.space_id == SPACE,
            one_of(_l.subscription_id, "subs"),
            _l.period_number.is_not(None),
            _l.meter_id.is_not(None),
            invoices.c.status != literal(InvoiceStatus.DRAFT.value),
        )
        .group_by(_l.subscription_id, _l.period_number, _l.meter_id)
    )
)
"""The version that was billed last, by subscription, period and meter."""


def sum_billed(
    tx: Tx,
    space: SpaceId,
    *,
    subscription_id: str,
    meter_id: str,
    period_number: int,
    charge_id: str | None,
) -> int:
    """Sum, in micros, the finalized lines of a meter for a period: its price's, or a charge's."""
    t = invoice_lines.c
    if charge_id is None:
        source = or_(t.source_type.is_(None), t.source_type != SOURCE_CHARGE)
    else:
        source = and_(t.source_type == SOURCE_CHARGE, t.source_id == charge_id)
    query = (
        select(func.coalesce(func.sum(t.total_micros), 0))
        .join(invoices, invoices.c.id == t.invoice_id)
        .where(
            t.space_id == space,
            t.subscription_id == subscription_id,
            t.period_number == period_number,
            t.meter_id == meter_id,
            source,
            invoices.c.status != InvoiceStatus.DRAFT.value,
        )
    )
    return int(tx.execute(query).scalar_one())


def sum_of_period(tx: Tx, space: SpaceId, subscription_id: str, period_number: int) -> int:
    """Sum, in micros, all lines of a period on invoices that were issued and not waived."""
    t = invoice_lines.c
    aside = (InvoiceStatus.DRAFT.value, InvoiceStatus.VOID.value)
    query = (
        select(func.coalesce(func.sum(t.total_micros), 0))
        .join(invoices, invoices.c.id == t.invoice_id)
        .where(
            t.space_id == space,
            t.subscription_id == subscription_id,
            t.period_number == period_number,
            invoices.c.status.not_in(aside),
        )
    )
    return int(tx.execute(query).scalar_one())


def billed_versions(tx: Tx, space: SpaceId, *, subscription_id: str) -> dict[int, dict[str, int]]:
    """Return, by period and meter, the version of the counter that finalized lines rest on."""
    key = kept_billed(space, subscription_id)
    if tx.is_kept(key):
        return tx.kept(key, dict)
    return list_billed(tx, space, [subscription_id])[subscription_id]


def list_billed(
    tx: Tx, space: SpaceId, subscription_ids: Sequence[str]
) -> dict[str, dict[int, dict[str, int]]]:
    """Return `billed_versions` of many subscriptions."""
    versions: dict[str, dict[int, dict[str, int]]] = {sub_id: {} for sub_id in subscription_ids}
    for row in tx.rows(_BILLED, space=space, subs=subscription_ids):
        of_period = versions[row["subscription_id"]].setdefault(row["period_number"], {})
        of_period[row["meter_id"]] = row["version"] or 0
    return versions


def keep(tx: Tx, space: SpaceId, subscription_ids: Sequence[str]) -> None:
    """Read `billed_versions` of subscriptions for gathered work."""
    for sub_id, versions in list_billed(tx, space, subscription_ids).items():
        tx.keep(kept_billed(space, sub_id), versions)


def kept_billed(space: SpaceId, subscription_id: str) -> tuple[str, SpaceId, str]:
    return ("billed versions", space, subscription_id)
