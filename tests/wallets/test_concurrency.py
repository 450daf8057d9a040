"""Many at once: nothing is spent twice, no key works twice, and nobody waits for ever."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from tallybook.server.kernel.errors import Refusal
from tallybook.server.payments.models import PaymentSource, PaymentStatus
from tallybook.server.wallets import service as wallets

from .steps import Desk

THREADS = 32


def at_once(jobs: Sequence[Callable[[], Any]], threads: int = THREADS) -> list[str]:
    """Run the jobs on threads; return the code of each, "ok" for what was done."""

    def run(job: Callable[[], Any]) -> str:
        try:
            job()
        except Refusal as refusal:
            return refusal.code
        return "ok"

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, jobs))


@pytest.mark.slow
def test_a_thousand_deductions_of_one_on_five_hundred(desk: Desk) -> None:
    wallet = desk.default()
    desk.top_up(wallet, "300")
    desk.grant(wallet, "200")
    codes = at_once([lambda: desk.deduct(wallet, "1") for _ in range(1000)])
    assert (codes.count("ok"), codes.count("insufficient_wallet_balance")) == (500, 500)
    assert desk.credits(wallet) == 0
    assert len(desk.statement(wallet)) == 502


@pytest.mark.slow
def test_deductions_among_top_ups_refunds_and_recharges(desk: Desk) -> None:
    wallet = desk.wallet(
        auto_recharge_enabled=True,
        auto_recharge_threshold=Decimal(20),
        auto_recharge_amount=Decimal(10),
    )
    bought = [desk.top_up(wallet, "10").transaction.payment_id or "" for _ in range(20)]
    jobs: list[Callable[[], Any]] = []
    for number in range(100):
        jobs += [lambda: desk.deduct(wallet, "3")]
        jobs += [lambda number=number: desk.refund(bought[number % 20], "1")]
        if number % 5 == 0:
            jobs += [lambda: desk.top_up(wallet, "2")]
            jobs += [lambda: desk.pay("1", wallet_id=wallet)]
    codes = at_once(jobs)
    allowed = {"ok", "insufficient_wallet_balance", "refund_exceeds_payment"}
    assert set(codes) <= allowed | {"invalid_state_transition"}
    assert desk.credits(wallet) >= 0
    recharges = [p for p in desk.payments() if p.source is PaymentSource.AUTO_RECHARGE]
    assert [payment.status for payment in recharges] in ([], [PaymentStatus.PENDING])


def test_one_key_a_hundred_times_has_one_effect(desk: Desk) -> None:
    wallet = desk.default()
    codes = at_once([lambda: desk.top_up(wallet, "10", key="k") for _ in range(100)])
    assert codes == ["ok"] * 100
    codes = at_once([lambda: desk.deduct(wallet, "1", key="k") for _ in range(100)])
    assert codes == ["ok"] * 100
    assert desk.credits(wallet) == 9
    assert len(desk.payments()) == 1


def test_two_bodies_under_one_key_have_one_effect(desk: Desk) -> None:
    wallet, other = desk.default(), desk.wallet("Other")
    for number in range(10):
        jobs = [
            lambda n=number: desk.top_up(wallet, "1", key=f"k{n}"),
            lambda n=number: desk.top_up(wallet, "2", key=f"k{n}"),
            lambda n=number: desk.top_up(other, "1", key=f"k{n}"),
        ]
        codes = at_once(jobs)
        assert sorted(codes) == ["idempotency_key_reused", "idempotency_key_reused", "ok"]
    assert len(desk.statement(wallet)) + len(desk.statement(other)) == 10


def test_two_wallets_in_opposite_order_do_not_deadlock(desk: Desk) -> None:
    default, other = desk.default(), desk.wallet("Other")
    for wallet in (default, other):
        desk.top_up(wallet, "100")
    both = [default, other]

    def hold(wallet_ids: list[str]) -> None:
        desk.write(lambda tx: wallets.hold_all(tx, desk.space, wallet_ids, desk.at) and None)

    jobs: list[Callable[[], Any]] = []
    for number in range(40):
        order = both if number % 2 else both[::-1]
        jobs += [lambda order=order: hold(order), lambda: desk.pay("5")]
    assert at_once(jobs) == ["ok"] * 80
    assert desk.money(default) + desk.money(other) == 0


def test_one_payment_settled_twenty_times_credits_once(desk: Desk) -> None:
    payment, _ = desk.write(
        lambda tx: wallets.receive(
            tx,
            desk.space,
            customer_id=desk.customer_id,
            amount=Decimal(10),
            currency="USD",
            key="p",
            at=desk.at,
        )
    )

    def settle(to: PaymentStatus) -> None:
        desk.write(lambda tx: wallets.set_status(tx, desk.space, payment.id, to, at=desk.at))

    at_once([lambda: settle(PaymentStatus.COMPLETED) for _ in range(20)])
    assert desk.credits(desk.default()) == 10


def test_one_payment_refunded_at_once_is_refunded_once(desk: Desk) -> None:
    wallet = desk.default()
    payment_id = desk.top_up(wallet, "10").transaction.payment_id
    assert payment_id is not None
    codes = at_once([lambda: desk.refund(payment_id, "6") for _ in range(10)])
    assert (codes.count("ok"), codes.count("refund_exceeds_payment")) == (1, 9)
    assert desk.credits(wallet) == 4


def test_one_default_wallet_is_made_by_many(desk: Desk) -> None:
    at_once([desk.default for _ in range(20)])
    found = desk.db.read(lambda tx: wallets.list_of(tx, desk.space, desk.customer_id))
    assert len(found) == 1
