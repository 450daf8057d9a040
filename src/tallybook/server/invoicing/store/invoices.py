"""Invoices, their lines and taxes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, delete, or_, select, update

from tallybook.server.identity.models import TaxRounding
from tallybook.server.invoicing.models import (
    PAYABLE,
    CollectionMethod,
    Invoice,
    InvoiceStatus,
    InvoiceType,
    Line,
    LineFacts,
    LineKind,
    Parties,
    Party,
    Tax,
)
from tallybook.server.invoicing.tables import (
    invoice_counters,
    invoice_lines,
    invoice_taxes,
    invoices,
)
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import from_micro_units, quantize_money, to_micro_units
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows, fetch
from tallybook.server.storage.prepared import SPACE, Prepared, one_of

from .billed import kept_billed

_SORTS = {
    "created_at": invoices.c.created_at,
    "updated_at": invoices.c.updated_at,
    "issue_date": invoices.c.issue_date,
}
_INVOICE_MONEY: Final = {
    "subtotal": "subtotal_micros",
    "tax_total": "tax_micros",
    "total": "total_micros",
    "amount_paid": "paid_micros",
    "amount_credited": "credited_micros",
}
_LINE_MONEY: Final = {
    "subtotal": "subtotal_micros",
    "discount": "discount_micros",
    "total": "total_micros",
    "tax": "tax_micros",
}
_PARTS: Final = {"lines", "taxes"}
_INVOICE_FIELDS: Final = {field.name for field in fields(Invoice)} - set(_INVOICE_MONEY) - _PARTS
_LINE_FIELDS: Final = {field.name for field in fields(LineFacts)} | {"id", "sort_order"}

_i = invoices.c
_ADD: Final = Prepared(lambda insert: insert(invoices).on_conflict_do_nothing())
_ADD_LINE: Final = Prepared(lambda insert: insert(invoice_lines))
_ADD_TAX: Final = Prepared(lambda insert: insert(invoice_taxes))
_l, _x = invoice_lines.c, invoice_taxes.c
_REMOVE: Final = (
    Prepared(
        lambda _: delete(invoice_lines).where(
            _l.space_id == SPACE, _l.invoice_id == bindparam("of")
        )
    ),
    Prepared(
        lambda _: delete(invoice_taxes).where(
            _x.space_id == SPACE, _x.invoice_id == bindparam("of")
        )
    ),
)
_COUNT: Final = Prepared(
    lambda insert: (
        insert(invoice_counters)
        .on_conflict_do_update(
            index_elements=[invoice_counters.c.space_id, invoice_counters.c.series],
            set_={"count": invoice_counters.c["count"] + 1},
        )
        .returning(invoice_counters.c["count"])
    )
)
_SET_COUNT: Final = Prepared(
    lambda _: (
        update(invoice_counters)
        .where(
            invoice_counters.c.space_id == SPACE,
            invoice_counters.c.series == bindparam("of_series"),
        )
        .values(count=bindparam("count"))
    )
)
_SAVE: Final = Prepared(
    lambda _: update(invoices).where(
        _i.space_id == SPACE,
        _i.id == bindparam("invoice_id"),
        _i.version == bindparam("expected_version"),
    )
)
_FIND: Final = Prepared(
    lambda _: select(invoices).where(_i.space_id == SPACE, _i.id == bindparam("invoice_id"))
)
_HOLD: Final = Prepared(
    lambda _: (
        select(invoices)
        .where(_i.space_id == SPACE, _i.id == bindparam("invoice_id"))
        .with_for_update()
    )  # on SQLite there is one writer
)
_FIND_GENERATED: Final = Prepared(
    lambda _: select(invoices).where(
        _i.space_id == SPACE,
        _i.subscription_id == bindparam("sub_id"),
        _i.period_number == bindparam("number"),
        _i.type == bindparam("kind"),
    )
)
_LINES: Final = Prepared(
    lambda _: (
        select(invoice_lines)
        .where(_l.space_id == SPACE, one_of(_l.invoice_id, "invoices"))
        .order_by(_l.invoice_id, _l.sort_order, _l.id)
    )
)
_TAXES: Final = Prepared(
    lambda _: (
        select(invoice_taxes)
        .where(_x.space_id == SPACE, one_of(_x.invoice_id, "invoices"))
        .order_by(_x.invoice_id, _x.position)
    )
)


_GENERATED: Final = Prepared(
    lambda _: select(_i.subscription_id, _i.period_number, _i.type, _i.id).where(
        _i.space_id == SPACE,
        one_of(_i.subscription_id, "subs"),
        _i.period_number >= bindparam("lowest"),
    )
)
_HOLD_ALL: Final = Prepared(
    lambda _: (
        select(invoices)
        .where(_i.space_id == SPACE, one_of(_i.id, "ids"))
        .order_by(_i.id)
        .with_for_update()
    )
)


def add(tx: Tx, space: SpaceId, invoice: Invoice) -> bool:
    """Insert an invoice with its parts; False if that period has one of its type."""
    row = {"space_id": space, **_to_row(invoice)}
    if not tx.write(_ADD, row, of=invoice.id):
        return False
    _add_parts(tx, space, invoice)
    _keep(tx, space, invoice)
    return True


def save(tx: Tx, space: SpaceId, invoice: Invoice, *, expected_version: int) -> bool:
    """Write the invoice without its parts; False if somebody else has changed it since."""
    mine = {"space": space, "invoice_id": invoice.id, "expected_version": expected_version}
    if not tx.write(_SAVE, {**mine, **_to_row(invoice)}, of=invoice.id):
        return False
    _keep(tx, space, invoice)
    return True


def replace_parts(tx: Tx, space: SpaceId, invoice: Invoice) -> None:
    """Write the lines and taxes anew."""
    for remove in _REMOVE:
        tx.write_all(remove, [{"space": space, "of": invoice.id}], of=invoice.id)
    _add_parts(tx, space, invoice)


def _add_parts(tx: Tx, space: SpaceId, invoice: Invoice) -> None:
    whose = {"space_id": space, "invoice_id": invoice.id}
    if invoice.lines:
        rows = [{**whose, **_line_to_row(line)} for line in invoice.lines]
        tx.write_all(_ADD_LINE, rows, of=invoice.id)
    if invoice.taxes:
        rows = [
            {
                **whose,
                "position": position,
                "name": tax.name,
                "rate": tax.rate,
                "taxable_micros": to_micro_units(tax.taxable_amount),
                "amount_micros": to_micro_units(tax.amount),
                "covers_all": int(tax.covers_all),
            }
            for position, tax in enumerate(invoice.taxes)
        ]
        tx.write_all(_ADD_TAX, rows, of=invoice.id)


def find(tx: Tx, space: SpaceId, invoice_id: str, *, lock: bool = False) -> Invoice | None:
    """Return an invoice; `lock` holds it until the commit."""

    def load() -> Invoice | None:
        row = tx.row(_HOLD if lock else _FIND, space=space, invoice_id=invoice_id)
        return None if row is None else _whole(tx, space, [row])[0]

    key = _kept(space, invoice_id)
    return tx.kept(key, load) if lock or tx.is_kept(key) else load()


def find_generated(
    tx: Tx, space: SpaceId, *, subscription_id: str, period_number: int, kind: InvoiceType
) -> Invoice | None:
    key = _kept_place(space, subscription_id, period_number, kind)
    if tx.is_kept(key):
        known = tx.kept(key, str)
        return find(tx, space, known) if known else None
    row = tx.row(
        _FIND_GENERATED,
        space=space,
        sub_id=subscription_id,
        number=period_number,
        kind=kind.value,
    )
    return None if row is None else _whole(tx, space, [row])[0]


def keep_generated(
    tx: Tx, space: SpaceId, places: Sequence[tuple[str, int, InvoiceType]]
) -> list[Invoice]:
    """Read and hold for gathered work what there is of (subscription, period, kind).

    The subscriptions are held already, so that none is added meanwhile.
    """
    sub_ids, lowest = sorted({place[0] for place in places}), min(place[1] for place in places)
    found = {
        (row["subscription_id"], row["period_number"], InvoiceType(row["type"])): str(row["id"])
        for row in tx.rows(_GENERATED, space=space, lowest=lowest, subs=sub_ids)
    }
    for place in places:
        tx.keep(_kept_place(space, *place), found.get(place, ""))
    ids = sorted(found[place] for place in places if place in found)
    if not ids:
        return []
    held = _whole(tx, space, tx.rows(_HOLD_ALL, space=space, ids=ids))
    for invoice in held:
        _keep(tx, space, invoice)
    return held


def _keep(tx: Tx, space: SpaceId, invoice: Invoice) -> None:
    """Have gathered work find an invoice as it is now."""
    tx.keep(_kept(space, invoice.id), invoice)
    if invoice.subscription_id is not None and invoice.period_number is not None:
        place = (invoice.subscription_id, invoice.period_number, invoice.type)
        tx.keep(_kept_place(space, *place), invoice.id)
        tx.forget(kept_billed(space, invoice.subscription_id))


def _kept(space: SpaceId, invoice_id: str) -> tuple[str, SpaceId, str]:
    return ("invoice", space, invoice_id)


def _kept_place(
    space: SpaceId, sub_id: str, number: int, kind: InvoiceType
) -> tuple[str, SpaceId, str, int, InvoiceType]:
    return ("generated invoice", space, sub_id, number, kind)


def list_page(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    status: str | None,
    customer_id: str | None,
    contract_id: str | None,
    subscription_id: str | None,
    now: datetime,
) -> tuple[Rows, list[Invoice]]:
    """A page of rows, and the invoices of these rows; status may be `past_due`."""
    t = invoices.c
    query = select(invoices).where(t.space_id == space)
    if status == "past_due":
        query = query.where(_past_due(now))
    elif status is not None:
        query = query.where(t.status == status)
    for column, value in (
        (t.customer_id, customer_id),
        (t.contract_id, contract_id),
        (t.subscription_id, subscription_id),
    ):
        if value is not None:
            query = query.where(column == value)
    rows = fetch(tx, query, page, key=t.id, sorts=_SORTS)
    return rows, _whole(tx, space, rows.rows)


def list_payable(
    tx: Tx,
    space: SpaceId,
    *,
    customer_id: str | None,
    subscription_id: str | None,
    currency: str | None,
    past_due_at: datetime | None,
    limit: int,
) -> list[Invoice]:
    """Invoices with something left to pay, the oldest first."""
    t = invoices.c
    statuses = [status.value for status in PAYABLE]
    query = select(invoices).where(t.space_id == space, t.status.in_(statuses))
    query = query.where(t.paid_micros + t.credited_micros < t.total_micros)
    for column, value in (
        (t.customer_id, customer_id),
        (t.subscription_id, subscription_id),
        (t.currency, currency),
    ):
        if value is not None:
            query = query.where(column == value)
    if past_due_at is not None:
        query = query.where(or_(_past_due(past_due_at), t.status != InvoiceStatus.OPEN.value))
    query = query.order_by(t.finalized_at, t.id).limit(limit)
    return _whole(tx, space, tx.execute(query).mappings().all())


def _past_due(now: datetime) -> ColumnElement[bool]:
    t = invoices.c
    return and_(t.status == InvoiceStatus.OPEN.value, t.due_at <= now)


def has_unpaid(tx: Tx, space: SpaceId, customer_id: str) -> bool:
    """Tell whether a customer has an invoice that is a draft or open."""
    t = invoices.c
    unpaid = t.status.in_([InvoiceStatus.DRAFT.value, InvoiceStatus.OPEN.value])
    query = select(t.id).where(t.space_id == space, t.customer_id == customer_id, unpaid)
    return tx.execute(query.limit(1)).first() is not None


def next_count(tx: Tx, space: SpaceId, series: str) -> int:
    """Count one document more; the space's counter of the series is held until the commit."""
    key = ("documents counted", space, series)
    if tx.is_kept(key):
        count = tx.kept(key, int) + 1
        row = {"space": space, "of_series": series, "count": count}
        tx.write(_SET_COUNT, row, of=key, is_whole=True)
    else:
        counted = tx.row(_COUNT, space_id=space, series=series, count=1)
        assert counted is not None  # it is inserted or counted up
        count = int(counted["count"])
    tx.keep(key, count)
    return count


def _whole(tx: Tx, space: SpaceId, rows: Sequence[Mapping[Any, Any]]) -> list[Invoice]:
    """Return the invoices of rows with their lines and taxes."""
    currencies = {row["id"]: row["currency"] for row in rows}
    lines = _lines_of(tx, space, currencies)
    taxes = _taxes_of(tx, space, currencies)
    return [_from_row(row, lines[row["id"]], taxes[row["id"]]) for row in rows]


def _lines_of(tx: Tx, space: SpaceId, currencies: Mapping[str, str]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {invoice_id: [] for invoice_id in currencies}
    for row in tx.rows(_LINES, space=space, invoices=list(found)) if found else ():
        found[row["invoice_id"]].append(_line_from_row(row, currencies[row["invoice_id"]]))
    return found


def _taxes_of(tx: Tx, space: SpaceId, currencies: Mapping[str, str]) -> dict[str, list[Tax]]:
    found: dict[str, list[Tax]] = {invoice_id: [] for invoice_id in currencies}
    for row in tx.rows(_TAXES, space=space, invoices=list(found)) if found else ():
        found[row["invoice_id"]].append(_tax_from_row(row, currencies[row["invoice_id"]]))
    return found


def _tax_from_row(row: Mapping[Any, Any], currency: str) -> Tax:
    return Tax(
        row["name"],
        row["rate"],
        _money(row["taxable_micros"], currency),
        _money(row["amount_micros"], currency),
        covers_all=bool(row["covers_all"]),
    )


@lru_cache(maxsize=4_096)
def _money(micros: int, currency: str) -> Decimal:
    return quantize_money(from_micro_units(micros), currency)


def _to_row(invoice: Invoice) -> dict[str, Any]:
    due = invoice.due_date
    return {
        **{name: getattr(invoice, name) for name in _INVOICE_FIELDS},
        **{
            column: to_micro_units(getattr(invoice, name))
            for name, column in _INVOICE_MONEY.items()
        },
        "type": invoice.type.value,
        "status": invoice.status.value,
        "collection_method": invoice.collection_method.value,
        "issue_date": invoice.issue_date.isoformat(),
        "due_date": None if due is None else due.isoformat(),
        "tax_rounding": invoice.tax_rounding.value,
        "is_lump": int(invoice.is_lump),
        "parties": None if invoice.parties is None else asdict(invoice.parties),
        "metadata": dict(invoice.metadata),
    }


def _from_row(row: Mapping[Any, Any], lines: Sequence[Line], taxes: Sequence[Tax]) -> Invoice:
    due = row["due_date"]
    known = {
        **{name: row[name] for name in _INVOICE_FIELDS},
        **{name: _money(row[column], row["currency"]) for name, column in _INVOICE_MONEY.items()},
        "type": InvoiceType(row["type"]),
        "status": InvoiceStatus(row["status"]),
        "collection_method": CollectionMethod(row["collection_method"]),
        "issue_date": date.fromisoformat(row["issue_date"]),
        "due_date": None if due is None else date.fromisoformat(due),
        "tax_rounding": TaxRounding(row["tax_rounding"]),
        "is_lump": bool(row["is_lump"]),
        "parties": _parties(row["parties"]),
    }
    return Invoice(**known, lines=tuple(lines), taxes=tuple(taxes))


def _parties(stored: Mapping[str, Any] | None) -> Parties | None:
    if stored is None:
        return None
    whose = {name: Party(**stored[name]) for name in ("seller", "buyer")}
    return Parties(**{**stored, **whose})


def _line_to_row(line: Line) -> dict[str, Any]:
    return {
        **{name: getattr(line, name) for name in _LINE_FIELDS},
        **{column: to_micro_units(getattr(line, name)) for name, column in _LINE_MONEY.items()},
        "kind": line.kind.value,
        "late": int(line.late),
        "pricing": dict(line.pricing),
    }


def _line_from_row(row: Mapping[Any, Any], currency: str) -> Line:
    known = {**row, "kind": LineKind(row["kind"]), "late": bool(row["late"])}
    for name, column in _LINE_MONEY.items():
        known[name] = _money(known.pop(column), currency)
    del known["space_id"], known["invoice_id"]
    return Line(**known)
