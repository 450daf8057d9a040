"""Credit notes and their lines."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import insert, select, update

from tallybook.server.invoicing.models import (
    CreditFigures,
    CreditLine,
    CreditNote,
    CreditNoteStatus,
    CreditTax,
)
from tallybook.server.invoicing.tables import credit_note_lines, credit_notes
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import (
    from_micro_units,
    plain,
    quantize_money,
    to_micro_units,
)
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows, fetch

_SORTS = {"created_at": credit_notes.c.created_at, "updated_at": credit_notes.c.updated_at}
_PLAIN: Final = (
    "id",
    "number",
    "invoice_id",
    "customer_id",
    "currency",
    "reason",
    "memo",
    "void_reason",
    "voided_at",
    "created_at",
    "updated_at",
)
_PARTS: Final = {
    "to_invoice": "to_invoice_micros",
    "to_wallet": "to_wallet_micros",
    "to_payments": "to_payments_micros",
}
_SUMS: Final = {
    "subtotal": "subtotal_micros",
    "tax_total": "tax_micros",
    "total": "total_micros",
}


def add(tx: Tx, space: SpaceId, note: CreditNote) -> None:
    tx.execute(insert(credit_notes), [{"space_id": space, **_to_row(note)}])
    rows = [
        {
            "space_id": space,
            "id": line.id,
            "credit_note_id": note.id,
            "line_id": line.line_id,
            "sort_order": order,
            "description": line.description,
            "amount_micros": to_micro_units(line.amount),
            "tax_micros": to_micro_units(line.tax),
        }
        for order, line in enumerate(note.figures.lines)
    ]
    tx.execute(insert(credit_note_lines), rows)


def save(tx: Tx, space: SpaceId, note: CreditNote) -> bool:
    """Write a note that is issued still; False if somebody else has voided it."""
    t = credit_notes.c
    mine = (t.space_id == space, t.id == note.id, t.status == CreditNoteStatus.ISSUED.value)
    return bool(tx.execute(update(credit_notes).where(*mine).values(_to_row(note))).rowcount)


def find(tx: Tx, space: SpaceId, note_id: str) -> CreditNote | None:
    t = credit_notes.c
    query = select(credit_notes).where(t.space_id == space, t.id == note_id)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else _whole(tx, space, [row])[0]


def list_of_invoice(tx: Tx, space: SpaceId, invoice_id: str) -> list[CreditNote]:
    """Return the notes of an invoice that are not void, the oldest first."""
    t = credit_notes.c
    query = select(credit_notes).where(
        t.space_id == space,
        t.invoice_id == invoice_id,
        t.status == CreditNoteStatus.ISSUED.value,
    )
    rows = tx.execute(query.order_by(t.created_at, t.id)).mappings().all()
    return _whole(tx, space, rows)


def list_page(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    status: str | None,
    customer_id: str | None,
    invoice_id: str | None,
) -> tuple[Rows, list[CreditNote]]:
    """A page of rows, and the notes of these rows."""
    t = credit_notes.c
    query = select(credit_notes).where(t.space_id == space)
    for column, value in (
        (t.status, status),
        (t.customer_id, customer_id),
        (t.invoice_id, invoice_id),
    ):
        if value is not None:
            query = query.where(column == value)
    rows = fetch(tx, query, page, key=t.id, sorts=_SORTS)
    return rows, _whole(tx, space, rows.rows)


def _whole(tx: Tx, space: SpaceId, rows: Sequence[Mapping[Any, Any]]) -> list[CreditNote]:
    t = credit_note_lines.c
    currencies = {row["id"]: row["currency"] for row in rows}
    found: dict[str, list[CreditLine]] = {note_id: [] for note_id in currencies}
    query = (
        select(credit_note_lines)
        .where(t.space_id == space, t.credit_note_id.in_(list(currencies)))
        .order_by(t.credit_note_id, t.sort_order)
    )
    for row in tx.execute(query).mappings() if currencies else ():
        currency = currencies[row["credit_note_id"]]
        found[row["credit_note_id"]].append(
            CreditLine(
                row["id"],
                row["line_id"],
                row["description"],
                _money(row["amount_micros"], currency),
                _money(row["tax_micros"], currency),
            )
        )
    return [_from_row(row, found[row["id"]]) for row in rows]


def _money(micros: int, currency: str) -> Decimal:
    return quantize_money(from_micro_units(micros), currency)


def _to_row(note: CreditNote) -> dict[str, Any]:
    return {
        **{name: getattr(note, name) for name in _PLAIN},
        **{column: to_micro_units(getattr(note, name)) for name, column in _PARTS.items()},
        **{column: to_micro_units(getattr(note.figures, name)) for name, column in _SUMS.items()},
        "status": note.status.value,
        "taxes": [
            {
                "name": tax.name,
                "rate": None if tax.rate is None else plain(tax.rate),
                "amount": plain(tax.amount),
            }
            for tax in note.figures.taxes
        ],
        "metadata": dict(note.metadata),
    }


def _from_row(row: Mapping[Any, Any], lines: Sequence[CreditLine]) -> CreditNote:
    currency = row["currency"]
    taxes = tuple(
        CreditTax(
            tax["name"],
            None if tax["rate"] is None else Decimal(tax["rate"]),
            quantize_money(Decimal(tax["amount"]), currency),
        )
        for tax in row["taxes"]
    )
    sums = {name: _money(row[column], currency) for name, column in _SUMS.items()}
    known: dict[str, Any] = {name: row[name] for name in _PLAIN}
    known |= {name: _money(row[column], currency) for name, column in _PARTS.items()}
    return CreditNote(
        **known,
        status=CreditNoteStatus(row["status"]),
        figures=CreditFigures(tuple(lines), taxes, **sums),
        metadata=row["metadata"],
    )
