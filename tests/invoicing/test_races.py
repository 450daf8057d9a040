"""Many at once: numbers without gaps, one winner, never paid twice."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from tallybook.server.invoicing.models import InvoiceStatus
from tallybook.server.kernel.errors import Refusal
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.ledger import service as ledger
from tallybook.server.ledger.models import AccountKind
from tallybook.server.storage import Database

from .examples import new_line
from .test_service import Room


@pytest.fixture
def room(db: Database, space: SpaceId) -> Room:
    return Room(db, space)


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run all on eight threads; refusals are results."""

    def outcome(work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(outcome, works))


def test_forty_drafts_from_eight_threads_get_forty_numbers(room: Room) -> None:
    drafts = [room.manual(new_line(1)) for _ in range(40)]
    done = at_once(*(lambda i=draft.id: room.finalize(i) for draft in drafts))
    assert sorted(one.number for one in done) == [f"INV-{n:06d}" for n in range(1, 41)]
    assert room.balance(AccountKind.RECEIVABLE) == 40_000_000
    assert room.db.read(lambda tx: ledger.verify(tx, room.space)) == []


def test_refused_ones_take_no_number(room: Room) -> None:
    good = [room.manual(new_line(1)) for _ in range(10)]
    empty = [room.manual() for _ in range(10)]
    mixed = [draft.id for pair in zip(good, empty, strict=True) for draft in pair]
    at_once(*(lambda i=invoice_id: room.finalize(i) for invoice_id in mixed))
    numbers = sorted(str(room.get(draft.id).number) for draft in good)
    assert numbers == [f"INV-{n:06d}" for n in range(1, 11)]


def test_of_many_finalizers_one_wins(room: Room) -> None:
    draft = room.manual(new_line(1))
    done = at_once(*[lambda: room.finalize(draft.id)] * 8)
    won = [one for one in done if not isinstance(one, Refusal)]
    assert len(won) == 1
    lost = Counter(one.code for one in done if isinstance(one, Refusal))
    assert lost == {"invalid_state_transition": 7}
    assert room.events(draft.id) == ["invoice.created", "invoice.finalized"]
    assert room.balance(AccountKind.RECEIVABLE) == 1_000_000


def test_paying_and_voiding_exclude_each_other(room: Room) -> None:
    for _ in range(5):
        made = room.manual(new_line(10), finalized=True)
        done = at_once(
            lambda i=made.id: room.void(i, reason="r"),
            lambda i=made.id: room.apply_payment(i, Decimal(10)),
            lambda i=made.id: room.mark_uncollectible(i),
        )
        after = room.get(made.id)
        if after.status is InvoiceStatus.VOID:
            assert after.amount_paid == 0
        assert sum(isinstance(one, Refusal) for one in done) in (1, 2)
        assert after.status is not InvoiceStatus.OPEN


def test_an_invoice_is_never_paid_by_more_than_it_is(room: Room) -> None:
    made = room.manual(new_line(10), finalized=True)
    done = at_once(*[lambda: room.apply_payment(made.id, Decimal(1))] * 25)
    assert sum(not isinstance(one, Refusal) for one in done) == 10
    after = room.get(made.id)
    assert (after.status, after.amount_paid, after.amount_due) == (InvoiceStatus.PAID, 10, 0)


def test_an_edit_and_a_finalization_do_not_mix(room: Room) -> None:
    for _ in range(5):
        draft = room.manual(new_line(10))
        at_once(
            lambda i=draft.id: room.update(i, {"lines": [new_line(20)]}),
            lambda i=draft.id: room.finalize(i),
            lambda i=draft.id: room.add_line_item(i, new_line(1)),
        )
        after = room.get(draft.id)
        assert after.status is InvoiceStatus.OPEN
        assert sum(line.total for line in after.lines) == after.total
    assert room.db.read(lambda tx: ledger.verify(tx, room.space)) == []


def test_items_of_many_never_exceed_the_lump(room: Room) -> None:
    made = room.manual(total=Decimal(10), finalized=True)
    done = at_once(*[lambda: room.add_line_item(made.id, new_line(1))] * 20)
    assert sum(not isinstance(one, Refusal) for one in done) == 10
    after = room.get(made.id)
    assert (after.total, len(after.lines)) == (10, 10)


def test_a_period_is_invoiced_once_by_many(room: Room) -> None:
    done = at_once(*[lambda: room.generated(new_line(1))] * 8)
    assert sum(not isinstance(one, Refusal) for one in done) == 1
