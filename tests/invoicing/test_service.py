"""The door of invoicing, on both databases."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import select

from tallybook.server.customers import service as customers
from tallybook.server.customers.models import Customer
from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing.errors import (
    AlreadyInvoiced,
    IllegalInvoiceTransition,
    InvoiceFrozen,
    InvoiceNotFound,
    InvoicePartlyPaid,
    MoreThanDue,
    NegativeInvoice,
    NothingToInvoice,
    NotTheCustomers,
)
from tallybook.server.invoicing.models import (
    SOURCE_CHARGE,
    WORK_DUE,
    CollectionMethod,
    Invoice,
    InvoiceStatus,
    InvoiceType,
    LineKind,
    NewLine,
    TaxTerm,
)
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.ledger import service as ledger
from tallybook.server.ledger.models import Account, AccountKind
from tallybook.server.storage import Database, Tx
from tallybook.server.storage.tables import due_work, outbox
from tests.conftest import NOW, Home

from .examples import new_line

Do = Callable[[Callable[[Tx], Any]], Any]
VAT = [TaxTerm("VAT", Decimal("0.15"))]


class Room:
    """One space with a customer, and every use case in a transaction of its own."""

    def __init__(self, db: Database, space: SpaceId) -> None:
        self.db, self.space = db, space
        made = {"name": "Acme", "external_id": "acme"}
        self.customer: Customer = self.do(lambda tx: customers.create(tx, space, made, at=NOW)[0])

    def do(self, work: Callable[[Tx], Any]) -> Any:
        return self.db.write_now(work)

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        call = getattr(invoicing, verb)
        return lambda *args, **kwargs: self.do(
            lambda tx: call(tx, self.space, *args, **({"at": NOW} | kwargs))
        )

    def get(self, invoice_id: str) -> Invoice:
        return self.db.read(lambda tx: invoicing.get(tx, self.space, invoice_id))

    def manual(self, *lines: NewLine, terms: Any = (), **fields: Any) -> Invoice:
        made: Invoice = self.create_manual(
            customer=self.customer, lines=lines, terms=terms, **fields
        )
        return made

    def generated(self, *lines: NewLine, number: int = 1, **fields: Any) -> Invoice | None:
        made: Invoice | None = self.create_generated(
            **{
                "customer": self.customer,
                "subscription_id": "sub_1",
                "contract_id": "ctr_1",
                "kind": InvoiceType.CYCLE,
                "period_number": number,
                "period_start": NOW,
                "period_end": NOW + timedelta(days=31),
                "currency": "USD",
                "lines": lines,
                "taxes": (),
                "collection_method": CollectionMethod.CHARGE_AUTOMATICALLY,
                "payment_terms": 30,
                **fields,
            }
        )
        return made

    def billed(self, meter_id: str = "mtr_1", number: int = 1, **fields: Any) -> Decimal:
        return self.db.read(
            lambda tx: invoicing.billed_before(
                tx,
                self.space,
                subscription_id="sub_1",
                meter_id=meter_id,
                period_number=number,
                **fields,
            )
        )

    def balance(self, kind: AccountKind) -> int:
        account = Account(kind, "USD", self.customer.id)
        return self.db.read(lambda tx: ledger.get_balance(tx, self.space, account))

    def events(self, invoice_id: str) -> list[str]:
        query = select(outbox.c.event).where(outbox.c.object_id == invoice_id)
        return self.db.read(
            lambda tx: list(tx.execute(query.order_by(outbox.c.sequence)).scalars())
        )

    def due_at(self, invoice_id: str) -> Any:
        query = select(due_work.c.due_at).where(
            due_work.c.kind == WORK_DUE, due_work.c.subject_id == invoice_id
        )
        return self.db.read(lambda tx: tx.execute(query).scalar_one_or_none())


@pytest.fixture
def room(db: Database, space: SpaceId) -> Room:
    return Room(db, space)


def usage(amount: str | Fraction, number: int = 1, **fields: Any) -> NewLine:
    return NewLine(
        **{
            "description": "API calls",
            "kind": LineKind.USAGE,
            "amount": amount if isinstance(amount, Fraction) else Decimal(amount),
            "meter_id": "mtr_1",
            "subscription_id": "sub_1",
            "period_number": number,
            "pricing": {"counter_version": 7, "shape": {"unit_price": "0.1"}},
            **fields,
        }
    )


def test_what_is_stored_is_what_was_made(room: Room) -> None:
    made = room.generated(
        usage(Fraction(10, 3), tier_number=2, billable_units=Decimal("1.5")),
        usage("-1", kind=LineKind.ADJUSTMENT, late=True, corrects_invoice_id="inv_0"),
        taxes=VAT,
        held_reason=None,
    )
    assert made is not None
    assert room.get(made.id) == made
    assert (made.subtotal, made.tax_total, made.total) == (
        Decimal("2.33"),
        Decimal("0.35"),
        Decimal("2.68"),
    )
    with pytest.raises(InvoiceNotFound):
        room.get("inv_none")


def test_finalizing_numbers_posts_and_says_when_it_is_due(room: Room) -> None:
    draft = room.manual(new_line(100), terms=VAT)
    assert (draft.number, draft.amount_due) == (None, 0)
    done = room.finalize(draft.id)
    assert (done.status, done.number, done.amount_due) == (InvoiceStatus.OPEN, "INV-000001", 115)
    assert room.get(draft.id) == done
    assert room.balance(AccountKind.RECEIVABLE) == 115_000_000
    assert room.balance(AccountKind.REVENUE) == -100_000_000
    assert room.balance(AccountKind.TAX) == -15_000_000
    assert room.due_at(draft.id) == done.due_at
    assert room.events(draft.id) == ["invoice.created", "invoice.finalized"]
    with pytest.raises(IllegalInvoiceTransition):
        room.finalize(draft.id)
    for change in (
        lambda: room.update(draft.id, {"notes": "x"}),
        lambda: room.add_line_item(draft.id, new_line(1)),
        lambda: room.replace_lines(draft.id, [new_line(1)]),
    ):
        with pytest.raises(InvoiceFrozen):
            change()
    assert room.get(draft.id) == done


def test_a_payload_holds_the_invoice_and_its_customer(room: Room) -> None:
    made = room.manual(new_line("9.50"), finalized=True)
    query = select(outbox.c.data).where(outbox.c.event == "invoice.finalized")
    data = room.db.read(lambda tx: tx.execute(query).scalar_one())
    assert (data["invoice_id"], data["customer_id"]) == (made.id, room.customer.id)
    assert data["customer_external_id"] == "acme"
    assert (data["invoice"]["status"], data["invoice"]["total"]) == ("open", "9.50")
    assert data["invoice"]["line_items"][0]["total"] == "9.50"


def test_nothing_to_pay_is_paid_at_once_and_posts_nothing(room: Room) -> None:
    free = room.manual(new_line(0), finalized=True)
    assert (free.status, free.number, free.paid_at) == (InvoiceStatus.PAID, "INV-000001", NOW)
    assert room.get(free.id) == free
    assert room.due_at(free.id) is None
    assert room.events(free.id) == ["invoice.created", "invoice.finalized", "invoice.paid"]
    with pytest.raises(NothingToInvoice):
        room.manual(finalized=True)
    assert room.manual(new_line(1), finalized=True).number == "INV-000002"


def test_voiding_takes_the_postings_back_and_leaves_the_number(room: Room) -> None:
    first = room.manual(new_line(100), terms=VAT, finalized=True)
    gone = room.void(first.id, reason="Wrong customer")
    assert (gone.status, gone.void_reason, gone.amount_due) == (
        InvoiceStatus.VOID,
        "Wrong customer",
        0,
    )
    for kind in (AccountKind.RECEIVABLE, AccountKind.REVENUE, AccountKind.TAX):
        assert room.balance(kind) == 0
    assert room.due_at(first.id) is None
    assert room.events(first.id)[-1] == "invoice.voided"
    assert room.manual(new_line(1), finalized=True).number == "INV-000002"
    paid = room.manual(new_line(10), finalized=True)
    room.apply_payment(paid.id, Decimal(4))
    with pytest.raises(InvoicePartlyPaid):
        room.void(paid.id, reason="x")


def test_payments_add_up_to_paid_and_can_come_back(room: Room) -> None:
    made = room.manual(new_line(10), finalized=True)
    part = room.apply_payment(made.id, Decimal(4))
    assert (part.status, part.amount_due) == (InvoiceStatus.OPEN, 6)
    with pytest.raises(MoreThanDue):
        room.apply_payment(made.id, Decimal("6.01"))
    whole = room.apply_payment(made.id, Decimal(6))
    assert whole.status is InvoiceStatus.PAID
    assert room.due_at(made.id) is None
    assert room.events(made.id)[-1] == "invoice.paid"
    back = room.reverse_payment(made.id, Decimal(6))
    assert (back.status, back.amount_due) == (InvoiceStatus.OPEN, 6)
    assert room.due_at(made.id) == made.due_at
    assert room.get(made.id) == back


def test_past_due_is_announced_once_and_uncollectible_can_be_paid(room: Room) -> None:
    made = room.manual(new_line(10), finalized=True)
    assert room.mark_past_due(made.id) is None
    sooner = room.fall_due(made.id)
    assert (sooner.due_at, sooner.due_date) == (NOW, NOW.date())
    assert sooner.is_past_due(NOW)
    late = room.mark_past_due(made.id)
    assert late.past_due_at == NOW
    assert room.mark_past_due(made.id) is None
    assert room.fall_due(made.id) == late
    given_up = room.mark_uncollectible(made.id)
    assert (given_up.status, given_up.amount_due) == (InvoiceStatus.UNCOLLECTIBLE, 10)
    with pytest.raises(IllegalInvoiceTransition):
        room.fall_due(made.id)
    payable = room.db.read(lambda tx: invoicing.list_payable(tx, room.space, past_due_at=NOW))
    assert [one.id for one in payable] == [made.id]
    assert room.apply_payment(made.id, Decimal(10)).status is InvoiceStatus.PAID
    assert room.events(made.id)[2:] == [
        "invoice.past_due",
        "invoice.uncollectible",
        "invoice.paid",
    ]


def test_one_invoice_per_subscription_period_and_kind(room: Room) -> None:
    assert room.generated() is None
    first = room.generated(usage("5"))
    assert first is not None
    with pytest.raises(AlreadyInvoiced):
        room.generated(usage("5"))
    assert room.generated(usage("5"), kind=InvoiceType.CHANGE) is not None
    assert room.generated(usage("5"), number=2) is not None
    assert room.generated(usage("5"), subscription_id="sub_2") is not None
    room.finalize(first.id)
    room.void(first.id, reason="waived")
    with pytest.raises(AlreadyInvoiced):
        room.generated(usage("5"))
    found = room.db.read(
        lambda tx: invoicing.find_generated(
            tx, room.space, subscription_id="sub_1", period_number=1, kind=InvoiceType.CYCLE
        )
    )
    assert found is not None
    assert found.id == first.id
    with pytest.raises(NegativeInvoice):
        room.generated(usage("-5"), number=3)


def test_a_generated_invoice_is_issued_when_it_is_finalized(room: Room) -> None:
    later = NOW + timedelta(days=2)
    made = room.generated(usage("5"))
    assert made is not None
    assert made.due_at is None
    done = room.finalize(made.id, at=later)
    assert (done.issue_date, done.due_at) == (later.date(), later + timedelta(days=30))
    at_once = room.generated(usage("5"), number=2, due_immediately=True)
    assert at_once is not None
    assert room.finalize(at_once.id, at=later).is_past_due(later)


def test_a_held_draft_waits_and_is_rated_again(room: Room) -> None:
    held = room.generated(held_reason="a price does not cover 1,200 units")
    assert held is not None
    assert (held.total, room.get(held.id)) == (0, held)
    again = room.replace_lines(held.id, [usage("7.005")], taxes=VAT)
    assert (again.held_reason, again.total) == (None, Decimal("8.06"))
    assert room.get(held.id) == again


def test_billed_before_counts_finalized_lines_of_the_meter_in_the_period(room: Room) -> None:
    first = room.generated(
        usage("10.004"),
        usage("2", kind=LineKind.TRUE_UP),
        usage("50", meter_id="mtr_2"),
        usage("3", kind=LineKind.CHARGE, source_type=SOURCE_CHARGE, source_id="chg_1"),
        usage("4", kind=LineKind.CHARGE, source_type=SOURCE_CHARGE, source_id="chg_2"),
    )
    assert first is not None
    assert room.billed() == 0
    room.finalize(first.id)
    assert room.billed() == 12
    second = room.generated(
        usage("-1.5", kind=LineKind.ADJUSTMENT, late=True),
        usage("99", number=2),
        number=2,
    )
    assert second is not None
    room.finalize(second.id)
    assert room.billed() == Decimal("10.5")
    assert room.billed(number=2) == 99
    assert (room.billed("mtr_2"), room.billed("mtr_3")) == (50, 0)
    assert (room.billed(charge_id="chg_1"), room.billed(charge_id="chg_2")) == (3, 4)
    room.void(second.id, reason="waived")
    assert room.billed() == Decimal("10.5")


def test_lists_are_of_one_customer_currency_and_space(room: Room, home: Home) -> None:
    euro = room.manual(new_line(1), currency="EUR", finalized=True)
    dollar = room.manual(new_line(1), finalized=True)
    draft = room.manual(new_line(1))

    def payable(space: SpaceId = room.space, **fields: Any) -> list[str]:
        found = room.db.read(lambda tx: invoicing.list_payable(tx, space, **fields))
        return [one.id for one in found]

    assert payable() == [euro.id, dollar.id]
    assert payable(currency="USD") == [dollar.id]
    assert payable(customer_id="cus_none") == payable(home.test.id) == []
    assert payable(past_due_at=NOW) == []
    assert payable(limit=1) == [euro.id]
    for invoice_id in (euro.id, dollar.id):
        room.apply_payment(invoice_id, Decimal(1))

    def unpaid() -> bool:
        return room.db.read(lambda tx: invoicing.has_unpaid(tx, room.space, room.customer.id))

    assert unpaid()
    room.finalize(draft.id)
    assert unpaid()
    room.void(draft.id, reason="x")
    assert not unpaid()


def test_another_customers_contract_is_refused(room: Room) -> None:
    with pytest.raises(Exception, match="no such") as missing:
        room.manual(new_line(1), subscription_id="sub_none")
    assert not isinstance(missing.value, NotTheCustomers)
