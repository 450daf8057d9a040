"""Wallets that run low say so, and ask for more."""

from decimal import Decimal

import pytest

from tallybook.server.payments.models import Payment, PaymentSource, PaymentStatus
from tallybook.server.wallets import service as wallets
from tallybook.server.wallets.errors import RechargeInvalid

from .steps import DAY, Desk


def low_wallet(desk: Desk, **more: object) -> str:
    fields = {
        "auto_recharge_enabled": True,
        "auto_recharge_threshold": Decimal(20),
        "auto_recharge_amount": Decimal(100),
        "initial_credits": Decimal(50),
        **more,
    }
    return desk.wallet(**fields)


def recharges(desk: Desk, status: PaymentStatus | None = None) -> list[Payment]:
    return [
        payment
        for payment in desk.payments()
        if payment.source is PaymentSource.AUTO_RECHARGE and status in (None, payment.status)
    ]


def names(desk: Desk) -> list[str]:
    return [event for event, _ in desk.events()]


def settle(desk: Desk, payment: Payment, to: PaymentStatus) -> None:
    desk.write(lambda tx: wallets.set_status(tx, desk.space, payment.id, to, at=desk.at))


def test_a_low_balance_opens_one_pending_payment(desk: Desk) -> None:
    wallet = low_wallet(desk, conversion_rate=Decimal(3))
    desk.deduct(wallet, "30")
    assert recharges(desk) == []  # 20 is not below 20
    for _ in range(3):
        desk.deduct(wallet, "1")
    (payment,) = recharges(desk)
    assert (payment.status, payment.amount, payment.credits) == (
        PaymentStatus.PENDING,
        Decimal("33.34"),
        100,
    )
    assert names(desk).count("wallet.low_balance") == 1
    assert names(desk).count("wallet.recharge_required") == 1
    data = dict(desk.events())["wallet.recharge_required"]
    assert data["payment_id"] == payment.id
    assert (data["amount"], data["credits"], data["threshold"]) == ("33.34", "100", "20")
    assert data["customer_external_id"] == "ext-Acme"


def test_the_credits_land_when_the_payment_is_completed(desk: Desk) -> None:
    wallet = low_wallet(desk)
    desk.deduct(wallet, "40")
    assert desk.credits(wallet) == 10
    settle(desk, recharges(desk)[0], PaymentStatus.COMPLETED)
    assert desk.by_type(wallet) == {"free": 10, "purchased": 100}
    assert desk.statement(wallet)[-1].source == "auto_recharge"


def test_a_payment_that_always_fails_is_asked_for_three_times_a_day(desk: Desk) -> None:
    wallet = low_wallet(desk)
    for number in range(1, 6):
        desk.deduct(wallet, "8")
        assert len(recharges(desk)) == max(0, number - 3)  # from 18 on
        for payment in recharges(desk, PaymentStatus.PENDING):
            settle(desk, payment, PaymentStatus.FAILED)
    for _ in range(3):
        desk.deduct(wallet, "1")
        for payment in recharges(desk, PaymentStatus.PENDING):
            settle(desk, payment, PaymentStatus.FAILED)
    assert len(recharges(desk)) == 3
    desk.at += DAY
    desk.deduct(wallet, "1")
    assert len(recharges(desk)) == 4


def test_a_payment_nobody_knows_of_holds_the_place(desk: Desk) -> None:
    wallet = low_wallet(desk)
    desk.deduct(wallet, "40")
    settle(desk, recharges(desk)[0], PaymentStatus.UNKNOWN)
    desk.deduct(wallet, "1")
    assert len(recharges(desk)) == 1


def test_paying_and_expiring_count_too(desk: Desk) -> None:
    wallet = low_wallet(desk, initial_credits=None)
    desk.grant(wallet, "50", expires_at=desk.at + DAY)
    desk.grant(wallet, "15")
    desk.at += DAY
    desk.pay("1", wallet_id=wallet)
    assert names(desk).count("wallet.low_balance") == 1
    assert len(recharges(desk)) == 1


def test_a_wallet_without_threshold_is_low_at_zero(desk: Desk) -> None:
    wallet = desk.wallet(initial_credits=Decimal(5))
    desk.deduct(wallet, "4")
    assert "wallet.low_balance" not in names(desk)
    desk.deduct(wallet, "1")
    assert names(desk)[-1] == "wallet.low_balance"
    assert recharges(desk) == []


def test_settings_are_checked_and_changed(desk: Desk) -> None:
    wallet = desk.wallet()

    def update(**fields: object) -> None:
        desk.write(lambda tx: wallets.update(tx, desk.space, wallet, fields, at=desk.at))

    with pytest.raises(RechargeInvalid):
        update(auto_recharge_enabled=True)
    update(
        auto_recharge_enabled=True,
        auto_recharge_threshold=Decimal(2),
        auto_recharge_amount=Decimal(5),
    )
    found = desk.db.read(lambda tx: wallets.get(tx, desk.space, wallet))
    assert (found.auto_recharge_threshold_micros, found.auto_recharge_amount_micros) == (
        2_000_000,
        5_000_000,
    )
    with pytest.raises(RechargeInvalid):
        update(auto_recharge_amount=None)
