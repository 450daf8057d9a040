"""Change drafts, and itemize invoices made from a total."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from tallybook.server.catalog import service as catalog
from tallybook.server.customers.rules.changes import merge_metadata
from tallybook.server.invoicing.models import Invoice, NewLine, TaxTerm
from tallybook.server.invoicing.rules import edits
from tallybook.server.invoicing.rules.itemize import lump_line
from tallybook.server.invoicing.rules.totals import check_totals
from tallybook.server.invoicing.rules.transitions import touched
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx

from .references import check_references
from .saving import hold, new_ids, save, with_ids

_PLAIN: Final = frozenset(
    {
        "issue_date",
        "due_date",
        "period_start",
        "period_end",
        "notes",
        "contract_id",
        "subscription_id",
    }
)
_FIGURES: Final = frozenset({"currency", "lines", "terms", "subtotal", "total"})


def update(
    tx: Tx, space: SpaceId, invoice_id: str, fields: Mapping[str, Any], *, at: datetime
) -> Invoice:
    """Change the given fields of a draft; `lines` and `terms` replace what was there whole.

    `metadata` is merged; `subtotal` and `total` are assertions, as on creation.
    Errors: InvoiceNotFound; InvoiceFrozen; those of `create_manual`.
    """
    before = hold(tx, space, invoice_id)
    edits.require_draft(before)
    changes = {name: value for name, value in fields.items() if name in _PLAIN}
    if "metadata" in fields:
        changes["metadata"] = merge_metadata(before.metadata, fields["metadata"])
    after = replace(touched(before, at=at), **changes)
    if _FIGURES & fields.keys():
        after = _refigured(after, fields)
    if after.currency != before.currency:
        catalog.ensure_balance(tx, space, after.currency, at=at)
    return save(tx, space, before, check_references(tx, space, after))


def _refigured(draft: Invoice, fields: Mapping[str, Any]) -> Invoice:
    """Return the draft with its money worked out again."""
    currency = fields.get("currency") or draft.currency
    lines, terms = fields.get("lines"), fields.get("terms")
    claims = {"subtotal": fields.get("subtotal"), "total": fields.get("total")}
    only_a_lump = draft.is_lump and len(draft.lines) == 1
    is_lump = draft.is_lump
    if lines is not None or (only_a_lump and any(claim is not None for claim in claims.values())):
        is_lump = False
        if not lines:
            taxed = bool(draft.taxes if terms is None else terms)
            lump = lump_line(draft.type, currency, has_taxes=taxed, **claims)
            is_lump = lump is not None
            lines = [] if lump is None else [lump]
        lines = with_ids(lines)
    figures = edits.worked_out_again(draft, currency=currency, lines=lines, terms=terms)
    check_totals(figures, currency, **claims)
    return edits.with_figures(replace(draft, currency=currency, is_lump=is_lump), figures)


def replace_lines(
    tx: Tx,
    space: SpaceId,
    invoice_id: str,
    lines: Sequence[NewLine],
    *,
    at: datetime,
    taxes: Sequence[TaxTerm] | None = None,
    held_reason: str | None = None,
) -> Invoice:
    """Give a draft other lines (a generated one rated again), and say if it waits for a person.

    Where they are the same, the draft stays as it is, ids and all.

    Errors: InvoiceNotFound; InvoiceFrozen; those of `work_out`.
    """
    before = hold(tx, space, invoice_id)
    edits.require_draft(before)
    if held_reason == before.held_reason and edits.says_same(before, lines, taxes):
        return before
    figures = edits.worked_out_again(
        before, currency=before.currency, lines=lines, terms=taxes, ids=new_ids(lines)
    )
    after = replace(touched(before, at=at), held_reason=held_reason, is_lump=False)
    return save(tx, space, before, edits.with_figures(after, figures))


def add_line_item(
    tx: Tx, space: SpaceId, invoice_id: str, line: NewLine, *, at: datetime
) -> Invoice:
    """Add a line to a draft, or itemize an invoice made from a total; that keeps its total.

    Errors: InvoiceNotFound; InvoiceFrozen; LumpTooSmall; those of `build_line`.
    """
    before = hold(tx, space, invoice_id)
    figures = edits.with_item(before, with_ids([line])[0])
    after = edits.with_figures(touched(before, at=at), figures)
    return save(tx, space, before, check_references(tx, space, after))
