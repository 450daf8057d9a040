"""What an event says of an invoice is what its model would write."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tallybook.server.customers import service as customers
from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing import views
from tallybook.server.invoicing.models import Invoice, NewLine, TaxTerm
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Database, Tx
from tallybook.wire import invoices as wire
from tests.conftest import NOW

LINES = [
    NewLine(
        description="Calls",
        quantity=Decimal("1200.50"),
        unit_price=Decimal("0.000003"),
        period_start=NOW,
        period_end=datetime(2026, 4, 1, 0, 0, 0, 5, tzinfo=UTC),
        included_units_used=Decimal("0E+2"),
        tier_number=2,
    ),
    NewLine(description="Seat", unit_price=Decimal(20), discount=Decimal("0.5"), late=True),
]


def make(db: Database, space: SpaceId, currency: str, lines: list[NewLine], **more: Any) -> Any:
    def work(tx: Tx) -> Any:
        customer, _ = customers.create(tx, space, {"name": "Acme", "external_id": "a"}, at=NOW)
        terms = [TaxTerm("VAT", Decimal("0.2")), TaxTerm("City", Decimal("0.015"))]
        made = invoicing.create_manual(
            tx,
            space,
            customer=customer,
            lines=lines,
            terms=terms[: len(lines)],
            currency=currency,
            total=None if lines else Decimal(99),
            at=NOW,
            **more,
        )
        return customer, invoicing.get(tx, space, made.id)

    return db.write_now(work)


@pytest.mark.parametrize("currency", ["USD", "JPY", "KWD"])
@pytest.mark.parametrize("lines", [[], LINES[:1], LINES], ids=["lump", "one", "two"])
@pytest.mark.parametrize("finalized", [False, True])
def test_an_event_holds_what_its_model_writes(
    db: Database, space: SpaceId, currency: str, lines: list[NewLine], finalized: bool
) -> None:
    if currency == "JPY":
        lines = [replace(line, discount=Decimal(0)) for line in lines]
    metadata = {"a": [1, None], "b": "0.10"}
    customer, invoice = make(
        db, space, currency, lines, finalized=finalized, metadata=metadata, notes="n"
    )
    told: dict[str, Any] = {"attempt": 1, "next_attempt_at": NOW} if finalized else {}
    model = wire.InvoiceEvent(
        invoice_id=invoice.id,
        customer_id=customer.id,
        customer_external_id=customer.external_id,
        subscription_id=invoice.subscription_id,
        invoice=views.to_wire(invoice, now=NOW),
        **told,
    )
    written = views.announced(invoice, customer, now=NOW, **told)
    assert written == model.model_dump(mode="json")
    assert list(written["invoice"]) == list(wire.Invoice.model_fields)


def test_a_draft_rated_again_to_the_same_keeps_its_lines(db: Database, space: SpaceId) -> None:
    _, draft = make(db, space, "USD", LINES[:1])
    terms = [TaxTerm("VAT", Decimal("0.2"))]

    def again(lines: list[NewLine], terms: list[TaxTerm]) -> Invoice:
        return db.write_now(
            lambda tx: invoicing.replace_lines(tx, space, draft.id, lines, at=NOW, taxes=terms)
        )

    assert again(LINES[:1], terms) == draft
    for lines, taxes in (
        ([replace(LINES[0], quantity=Decimal(7))], terms),
        ([replace(LINES[0], description="Other")], terms),
        ([replace(LINES[0], pricing={"counter_version": 2})], terms),
        (LINES, terms),
        (LINES[:1], []),
        (LINES[:1], [TaxTerm("VAT", Decimal("0.21"))]),
    ):
        before = db.read(lambda tx: invoicing.get(tx, space, draft.id))
        after = again(lines, taxes)
        assert after.version == before.version + 1
        assert {line.id for line in after.lines}.isdisjoint({line.id for line in before.lines})
        assert db.read(lambda tx: invoicing.get(tx, space, draft.id)) == after
