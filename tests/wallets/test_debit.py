"""Credit goes out: deducted, paid with, refunded."""

from decimal import Decimal

import pytest

from tallybook.server.ledger.errors import KeyReused
from tallybook.server.payments import service as payments
from tallybook.server.payments.errors import (
    DuplicateExternalRefund,
    DuplicateExternalTransaction,
    IllegalPaymentTransition,
    MethodFixed,
    NotAnAmount,
    PaymentNotDeletable,
    PaymentNotFound,
    RefundExceedsPayment,
)
from tallybook.server.payments.models import Payment, PaymentMethod, PaymentStatus
from tallybook.server.wallets import service as wallets
from tallybook.server.wallets.errors import (
    InsufficientWalletBalance,
    NotACreditAmount,
    WalletCurrencyMismatch,
    WalletNotFound,
    WalletPaymentNeedsInvoice,
)
from tallybook.server.wallets.models import CreditType

from .steps import BONUS, DAY, Desk


def test_a_deduction_takes_credits_and_is_revenue(desk: Desk) -> None:
    wallet = desk.default()
    desk.top_up(wallet, "100")
    done = desk.deduct(wallet, "30.5", description="agent run")
    assert desk.credits(wallet) == Decimal("69.5")
    assert (done.transaction.credits_micros, done.transaction.amount) == (
        -30_500_000,
        Decimal("-30.50"),
    )
    assert desk.books() == {
        "cash": 100,
        "customer_credit": Decimal("-69.5"),
        "revenue": Decimal("-30.5"),
    }
    assert desk.events()[-1][0] == "wallet.deducted"


def test_more_than_there_is_is_refused_and_changes_nothing(desk: Desk) -> None:
    wallet = desk.default()
    desk.top_up(wallet, "10")
    with pytest.raises(InsufficientWalletBalance) as refused:
        desk.deduct(wallet, "10.000001")
    assert refused.value.details == {
        "required": "10.000001",
        "available": "10",
        "currency": "USD",
        "wallet_id": wallet,
    }
    assert desk.credits(wallet) == 10
    desk.deduct(wallet, "10")
    assert desk.credits(wallet) == 0
    with pytest.raises(NotACreditAmount):
        desk.deduct(wallet, "0")


def test_a_refused_deduction_leaves_its_key_free(desk: Desk) -> None:
    wallet = desk.default()
    with pytest.raises(InsufficientWalletBalance):
        desk.deduct(wallet, "10", key="k")
    desk.top_up(wallet, "10")
    assert not desk.deduct(wallet, "10", key="k").replayed
    assert desk.deduct(wallet, "10", key="k").replayed
    with pytest.raises(KeyReused):
        desk.deduct(wallet, "9", key="k")


def test_only_deductions_go_below_zero(desk: Desk) -> None:
    wallet = desk.wallet(allow_negative_balance=True)
    desk.top_up(wallet, "5")
    desk.deduct(wallet, "8")
    assert (desk.credits(wallet), desk.money(wallet)) == (-3, -3)
    with pytest.raises(InsufficientWalletBalance):
        desk.pay("0.01", wallet_id=wallet)
    desk.write(
        lambda tx: wallets.update(
            tx, desk.space, wallet, {"allow_negative_balance": False}, at=desk.at
        )
    )
    with pytest.raises(InsufficientWalletBalance):
        desk.deduct(wallet, "1")
    assert desk.credits(wallet) == -3


def test_credits_burn_in_their_order(desk: Desk) -> None:
    wallet = desk.default()
    desk.top_up(wallet, "10")
    desk.grant(wallet, "10", credit_type=BONUS)
    desk.grant(wallet, "10", expires_at=desk.at + DAY)
    desk.deduct(wallet, "12")
    assert desk.by_type(wallet) == {"bonus": 8, "purchased": 10}
    desk.deduct(wallet, "12")
    assert desk.by_type(wallet) == {"purchased": 6}
    desk.grant(wallet, "10", priority=1)
    desk.deduct(wallet, "6")
    assert desk.by_type(wallet) == {"free": 10}


def test_paying_goes_from_the_default_wallet_on_by_name(desk: Desk) -> None:
    last, first = desk.wallet("B"), desk.wallet("A", conversion_rate=Decimal(10))
    default, foreign = desk.default(), desk.default("EUR")
    for wallet in (last, first, default, foreign):
        desk.top_up(wallet, "10")
    paid = desk.pay("25")
    assert [(part.wallet_id, part.amount) for part in paid] == [
        (default, 10),
        (first, 10),
        (last, 5),
    ]
    assert [part.credits for part in paid] == [10, 100, 5]
    assert desk.money(foreign) == 10
    with pytest.raises(InsufficientWalletBalance) as refused:
        desk.pay("5.01")
    assert refused.value.details["required"] == "5.01"
    assert refused.value.details["available"] == "5"
    assert desk.money(last) == 5


def test_paying_from_a_named_wallet(desk: Desk) -> None:
    default, named = desk.default(), desk.wallet("A")
    desk.top_up(default, "10")
    desk.top_up(named, "10")
    assert [part.wallet_id for part in desk.pay("4", wallet_id=named)] == [named]
    with pytest.raises(InsufficientWalletBalance):
        desk.pay("7", wallet_id=named)
    with pytest.raises(WalletCurrencyMismatch):
        desk.pay("1", wallet_id=desk.default("EUR"))
    stranger = Desk.open(desk.db, desk.space, "Stranger").default()
    with pytest.raises(WalletNotFound):
        desk.pay("1", wallet_id=stranger)
    with pytest.raises(NotAnAmount):
        desk.pay("0")
    with pytest.raises(InsufficientWalletBalance):
        desk.pay("1", "KWD")


def test_a_payment_key_pays_once(desk: Desk) -> None:
    desk.top_up(desk.default(), "10")
    desk.top_up(desk.wallet("A"), "10")
    first = desk.pay("15", key="inv_1")
    assert desk.pay("15", key="inv_1") == first
    with pytest.raises(KeyReused):
        desk.pay("14", key="inv_1")
    assert desk.books()["receivable"] == -15


def test_what_credit_was_paid_for_is_what_it_is_worth(desk: Desk) -> None:
    wallet = desk.default()
    desk.top_up(wallet, "100", credit_amount=Decimal(150))
    (paid,) = desk.pay("10")
    assert (paid.purchased, paid.free) == (Decimal("6.66"), Decimal("3.34"))
    desk.pay("140")
    assert desk.books() == {"cash": 100, "receivable": -150, "promotional_expense": 50}


def test_credit_bought_dear_leaves_breakage(desk: Desk) -> None:
    wallet = desk.default()
    desk.top_up(wallet, "100", credit_amount=Decimal(50))
    (paid,) = desk.pay("50")
    assert (paid.purchased, paid.free) == (50, 0)
    assert desk.books() == {"cash": 100, "receivable": -50, "breakage": -50}


def test_expired_credit_pays_nothing(desk: Desk) -> None:
    wallet = desk.default()
    desk.grant(wallet, "10", expires_at=desk.at + DAY)
    desk.at += DAY
    with pytest.raises(InsufficientWalletBalance):
        desk.pay("1")
    with pytest.raises(InsufficientWalletBalance):
        desk.deduct(wallet, "1")


def bought(desk: Desk, wallet: str, amount: str = "100", **more: object) -> str:
    payment_id = desk.top_up(wallet, amount, **more).transaction.payment_id
    assert payment_id is not None
    return payment_id


def status(desk: Desk, payment_id: str) -> PaymentStatus:
    return desk.db.read(lambda tx: payments.get(tx, desk.space, payment_id)).status


def test_a_refund_takes_the_credits_back(desk: Desk) -> None:
    wallet = desk.default()
    payment_id = bought(desk, wallet)
    assert desk.refund(payment_id, "30") == 30
    assert (desk.credits(wallet), status(desk, payment_id)) == (
        70,
        PaymentStatus.PARTIALLY_REFUNDED,
    )
    assert desk.books() == {"cash": 70, "customer_credit": -70}
    assert desk.refund(payment_id) == 70
    assert (desk.credits(wallet), status(desk, payment_id)) == (0, PaymentStatus.REFUNDED)
    assert desk.books() == {}
    with pytest.raises(RefundExceedsPayment):
        desk.refund(payment_id)


def test_only_unspent_credit_is_refunded(desk: Desk) -> None:
    wallet = desk.default()
    payment_id = bought(desk, wallet)
    desk.deduct(wallet, "60")
    with pytest.raises(RefundExceedsPayment) as refused:
        desk.refund(payment_id, "40.01")
    assert refused.value.details["refundable"] == "40"
    assert desk.credits(wallet) == 40
    assert desk.refund(payment_id) == 40
    with pytest.raises(RefundExceedsPayment):
        desk.refund(payment_id)


def test_a_refund_takes_credits_pro_rata(desk: Desk) -> None:
    wallet = desk.default()
    payment_id = bought(desk, wallet, credit_amount=Decimal(120))
    desk.deduct(wallet, "60")
    assert desk.refund(payment_id, "25") == 25
    assert desk.credits(wallet) == 30
    assert desk.refund(payment_id) == 25
    assert desk.credits(wallet) == 0


def test_a_refund_leaves_other_credit_alone(desk: Desk) -> None:
    wallet = desk.default()
    desk.grant(wallet, "50", priority=1)
    first, second = bought(desk, wallet, "10"), bought(desk, wallet, "20")
    desk.refund(second)
    assert desk.by_type(wallet) == {"purchased": 10, "free": 50}
    desk.refund(first)
    assert desk.by_type(wallet) == {"free": 50}


def test_a_refund_has_a_key_and_an_external_id(desk: Desk) -> None:
    wallet = desk.default()
    payment_id = bought(desk, wallet)
    desk.refund(payment_id, "10", key="r", external_refund_id="re_1")
    desk.refund(payment_id, "10", key="r", external_refund_id="re_1")
    assert desk.credits(wallet) == 90
    with pytest.raises(KeyReused):
        desk.refund(payment_id, "11", key="r", external_refund_id="re_1")
    with pytest.raises(DuplicateExternalRefund):
        desk.refund(payment_id, "10", external_refund_id="re_1")
    assert desk.credits(wallet) == 90
    with pytest.raises(PaymentNotFound):
        desk.refund("pay_none")


def receive(desk: Desk, amount: str, key: str = "p", **more: object) -> Payment:
    return desk.write(
        lambda tx: wallets.receive(
            tx,
            desk.space,
            customer_id=desk.customer_id,
            amount=Decimal(amount),
            key=key,
            at=desk.at,
            **more,  # type: ignore[arg-type]
        )[0]
    )


def set_status(desk: Desk, payment_id: str, to: PaymentStatus) -> Payment:
    return desk.write(lambda tx: wallets.set_status(tx, desk.space, payment_id, to, at=desk.at))


def test_a_completed_payment_becomes_purchased_credit(desk: Desk) -> None:
    payment = receive(desk, "40", external_transaction_id="pi_1")
    assert (payment.status, desk.events()) == (PaymentStatus.PENDING, [])
    set_status(desk, payment.id, PaymentStatus.COMPLETED)
    set_status(desk, payment.id, PaymentStatus.COMPLETED)  # told twice
    wallet = desk.default()
    assert desk.by_type(wallet) == {"purchased": 40}
    assert [event for event, _ in desk.events()] == ["payment.completed", "wallet.topped_up"]
    assert receive(desk, "40", external_transaction_id="pi_1").id == payment.id
    with pytest.raises(DuplicateExternalTransaction):
        receive(desk, "40", key="q", external_transaction_id="pi_1")
    assert desk.refund(payment.id) == 40
    assert desk.books() == {}


def test_a_failed_payment_brings_nothing_and_can_be_deleted(desk: Desk) -> None:
    payment = receive(desk, "40")
    set_status(desk, payment.id, PaymentStatus.UNKNOWN)
    set_status(desk, payment.id, PaymentStatus.FAILED)
    with pytest.raises(IllegalPaymentTransition):
        set_status(desk, payment.id, PaymentStatus.COMPLETED)
    assert [event for event, _ in desk.events()] == ["payment.failed"]
    desk.write(lambda tx: payments.delete(tx, desk.space, payment.id))
    assert desk.payments() == []
    done = receive(desk, "40", key="q", status=PaymentStatus.COMPLETED)
    with pytest.raises(PaymentNotDeletable):
        desk.write(lambda tx: payments.delete(tx, desk.space, done.id))


def test_a_wallet_payment_needs_an_invoice(desk: Desk) -> None:
    with pytest.raises(WalletPaymentNeedsInvoice):
        receive(desk, "40", payment_method=PaymentMethod.WALLET)
    payment = receive(desk, "40", payment_method=PaymentMethod.CASH)
    fields = {"payment_method": PaymentMethod.WALLET}
    with pytest.raises(MethodFixed):
        desk.write(lambda tx: payments.edit(tx, desk.space, payment.id, fields, at=desk.at))


def test_what_a_payment_says_of_itself_can_be_edited(desk: Desk) -> None:
    payment = receive(desk, "40", metadata={"a": 1, "b": 2})
    fields = {"notes": "late", "metadata": {"a": None, "c": 3}, "external_transaction_id": "x"}
    after = desk.write(lambda tx: payments.edit(tx, desk.space, payment.id, fields, at=desk.at))
    assert (after.notes, dict(after.metadata)) == ("late", {"b": 2, "c": 3})
    other = receive(desk, "40", key="q")
    with pytest.raises(DuplicateExternalTransaction):
        desk.write(
            lambda tx: payments.edit(
                tx, desk.space, other.id, {"external_transaction_id": "x"}, at=desk.at
            )
        )


def test_what_is_available_and_what_was_purchased(desk: Desk) -> None:
    wallet = desk.default()
    desk.wallet("A", initial_credits=Decimal(3))
    with_db = desk.db.read

    def available() -> Decimal:
        return with_db(
            lambda tx: wallets.available(tx, desk.space, desk.customer_id, "USD", at=desk.at)
        )

    def purchased() -> bool:
        return with_db(
            lambda tx: wallets.has_purchased(tx, desk.space, desk.customer_id, at=desk.at)
        )

    assert (available(), purchased()) == (3, False)
    desk.top_up(wallet, "5", credit_type=CreditType.PURCHASED)
    assert (available(), purchased()) == (8, True)
    totals = with_db(lambda tx: wallets.totals(tx, desk.space, at=desk.at))
    assert totals == {"USD": (2, Decimal("8.00"))}
