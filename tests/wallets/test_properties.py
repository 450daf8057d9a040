"""Whatever is done to wallets, in whatever order: the books are right after it."""

from datetime import timedelta
from decimal import Decimal
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallybook.server.kernel.errors import Refusal
from tallybook.server.storage import Database
from tallybook.server.wallets.models import CreditType
from tests.conftest import open_project

from .steps import DAY, Desk

_names = count(1)
cents = st.integers(1, 30_000).map(lambda n: str(Decimal(n).scaleb(-2)))
micros = st.integers(1, 10**9).map(lambda n: str(Decimal(n).scaleb(-6)))
spans = st.sampled_from([None, timedelta(0), DAY / 2, DAY, 3 * DAY])
which = st.integers(0, 2)

operations = st.one_of(
    st.tuples(st.just("top_up"), which, cents, st.sampled_from(CreditType), st.none() | micros),
    st.tuples(st.just("grant"), which, cents, st.integers(-1, 1), spans, spans),
    st.tuples(st.just("deduct"), which, micros),
    st.tuples(st.just("pay"), st.none() | which, cents),
    st.tuples(st.just("give_back"), cents, cents),
    st.tuples(st.just("refund"), st.integers(0, 9), st.none() | cents),
    st.tuples(st.just("wait"), st.sampled_from([DAY / 2, DAY, 2 * DAY])),
)
rates = st.sampled_from(["1", "3", "0.07", "100", "7.123457"])


def do(desk: Desk, wallets: list[str], step: tuple[object, ...]) -> None:
    match step:
        case ("top_up", int(n), str(amount), CreditType() as kind, agreed):
            more = {} if agreed is None else {"credit_amount": Decimal(str(agreed))}
            desk.top_up(wallets[n], amount, credit_type=kind, **more)
        case ("grant", int(n), str(amount), int(priority), starts_in, lasts):
            starts_at = desk.at if starts_in is None else desk.at + starts_in  # type: ignore[operator]
            ends_at = None if lasts is None else starts_at + lasts  # type: ignore[operator]
            desk.grant(
                wallets[n],
                amount,
                priority=priority,
                effective_at=starts_at,
                expires_at=ends_at,
            )
        case ("deduct", int(n), str(amount)):
            desk.deduct(wallets[n], amount)
        case ("pay", n, str(amount)):
            desk.pay(amount, wallet_id=wallets[n] if isinstance(n, int) else None)
        case ("give_back", str(purchased), str(free)):
            desk.give_back(purchased, free)
        case ("refund", int(n), amount):
            paid = desk.payments()
            if paid:
                desk.refund(paid[n % len(paid)].id, None if amount is None else str(amount))
        case ("wait", timedelta() as time):
            desk.at += time


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(operations, min_size=1, max_size=12), rate=rates)
def test_any_sequence_of_operations_keeps_the_books_right(
    db: Database, steps: list[tuple[object, ...]], rate: str
) -> None:
    home = open_project(db, f"P{next(_names)}")
    desk = Desk.open(db, home.live.id)
    wallets = [
        desk.default(),
        desk.wallet("Rated", conversion_rate=Decimal(rate)),
        desk.wallet("Negative", allow_negative_balance=True, conversion_rate=Decimal(rate)),
    ]
    for step in steps:
        shown = [desk.credits(wallet) for wallet in wallets]
        try:
            do(desk, wallets, step)
        except Refusal:
            assert [desk.credits(wallet) for wallet in wallets] == shown
        assert desk.differences() == []
        assert desk.credits(wallets[0]) >= 0
        assert desk.credits(wallets[1]) >= 0
        for wallet in wallets:
            lines = desk.statement(wallet)
            assert [line.balance_after_micros for line in lines] == [
                sum(one.credits_micros for one in lines[: n + 1]) for n in range(len(lines))
            ]
    assert "unapplied" not in desk.books()
