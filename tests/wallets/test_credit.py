"""Credit comes in: bought, granted, given back; it lands, and it expires."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from tallybook.server.customers.errors import CustomerNotFound
from tallybook.server.kernel.money import TooManyDecimals, UnknownCurrency
from tallybook.server.ledger.errors import AmountTooLarge, KeyReused
from tallybook.server.ledger.models import AccountKind
from tallybook.server.payments.models import PaymentStatus
from tallybook.server.storage import idempotency
from tallybook.server.storage.tables import due_work
from tallybook.server.wallets import service as wallets
from tallybook.server.wallets.errors import (
    CreditTypeRefused,
    GrantNeverAlive,
    NoCredits,
    NotACreditAmount,
    RateInvalid,
    WalletNameTaken,
    WalletNotFound,
)
from tallybook.server.wallets.models import CreditType

from .steps import BONUS, DAY, FREE, Desk


def test_the_default_wallet_is_made_once(desk: Desk) -> None:
    first = desk.default()
    assert desk.default() == first
    assert desk.default("EUR") != first
    named = desk.wallet("Main")
    assert desk.default() == first != named
    wallet = desk.db.read(lambda tx: wallets.get(tx, desk.space, first))
    assert (wallet.is_default, wallet.currency, wallet.conversion_rate) == (True, "USD", 1)
    with pytest.raises(UnknownCurrency):
        desk.default("XXX")
    with pytest.raises(CustomerNotFound):
        Desk(desk.db, desk.space, "cus_nobody").default()


def test_a_customers_wallets_have_names_of_their_own(desk: Desk) -> None:
    desk.wallet("Main")
    with pytest.raises(WalletNameTaken):
        desk.wallet("Main", currency="EUR")
    Desk.open(desk.db, desk.space, "Other").wallet("Main")
    other = desk.wallet("Second")
    with pytest.raises(WalletNameTaken):
        desk.write(lambda tx: wallets.update(tx, desk.space, other, {"name": "Main"}, at=desk.at))


def test_a_purchased_top_up_books_a_completed_payment(desk: Desk) -> None:
    wallet = desk.default()
    done = desk.top_up(wallet, "100", reference="bank transfer")
    assert desk.money(wallet) == desk.credits(wallet) == 100
    (payment,) = desk.payments()
    assert done.transaction.payment_id == payment.id
    assert (payment.status, payment.amount) == (PaymentStatus.COMPLETED, 100)
    assert desk.books() == {"cash": 100, "customer_credit": -100}
    assert [event for event, _ in desk.events()] == ["payment.completed", "wallet.topped_up"]
    data = desk.events()[1][1]
    assert data["wallet_id"] == wallet
    assert data["customer_external_id"] == "ext-Acme"
    assert Decimal(data["amount"]) == Decimal(data["balance"]) == 100
    assert data["currency"] == "USD"


def test_other_types_of_credit_book_no_payment(desk: Desk) -> None:
    wallet = desk.default()
    desk.top_up(wallet, "10", credit_type=BONUS)
    desk.grant(wallet, "5")
    assert desk.by_type(wallet) == {"bonus": 10, "free": 5}
    assert desk.payments() == []
    assert desk.books() == {}
    with pytest.raises(CreditTypeRefused):
        desk.grant(wallet, "5", credit_type=CreditType.PURCHASED)


def test_credits_follow_the_rate_or_what_was_agreed(desk: Desk) -> None:
    wallet = desk.wallet(conversion_rate=Decimal("100"))
    desk.top_up(wallet, "10")
    assert (desk.credits(wallet), desk.money(wallet)) == (1000, 10)
    desk.top_up(wallet, "10", credit_amount=Decimal("1200.5"))
    assert (desk.credits(wallet), desk.money(wallet)) == (Decimal("2200.5"), Decimal("22.00"))
    assert desk.statement(wallet)[1].amount == 10


def test_credits_that_come_to_nothing_are_refused(desk: Desk) -> None:
    wallet = desk.wallet(conversion_rate=Decimal("0.000001"))
    with pytest.raises(NoCredits):
        desk.top_up(wallet, "0.99")
    desk.top_up(wallet, "1")
    assert desk.credits(wallet) == Decimal("0.000001")


def test_amounts_that_are_refused(desk: Desk) -> None:
    wallet = desk.default()
    with pytest.raises(TooManyDecimals):
        desk.top_up(wallet, "0.001")
    with pytest.raises(TooManyDecimals):
        desk.top_up(desk.default("JPY"), "1.5")
    with pytest.raises(AmountTooLarge):
        desk.top_up(wallet, "999999999999999999")
    with pytest.raises(WalletNotFound):
        desk.top_up("wal_none", "1")
    with pytest.raises(RateInvalid):
        desk.wallet(conversion_rate=Decimal("0.0000001"))
    assert desk.credits(wallet) == 0
    assert desk.payments() == []


def test_an_overflowing_balance_is_refused_whole(desk: Desk) -> None:
    wallet = desk.default()
    desk.top_up(wallet, "9000000000000")
    with pytest.raises(AmountTooLarge):
        desk.top_up(wallet, "9000000000000")
    assert desk.money(wallet) == 9_000_000_000_000
    assert len(desk.payments()) == 1


def test_initial_credits_are_free(desk: Desk) -> None:
    wallet = desk.wallet(initial_credits=Decimal("12.5"))
    assert desk.by_type(wallet) == {"free": Decimal("12.5")}
    (line,) = desk.statement(wallet)
    assert (line.type, line.source) == ("grant", "initial")
    with pytest.raises(NotACreditAmount):
        desk.wallet("Bad", initial_credits=Decimal(-1))


def test_a_key_tops_up_once_even_after_the_http_record_is_gone(desk: Desk) -> None:
    wallet = desk.default()
    first = desk.top_up(wallet, "100", key="order-7")
    desk.at += 400 * DAY
    desk.write(lambda tx: idempotency.forget(tx, desk.at))
    again = desk.top_up(wallet, "100", key="order-7")
    assert again.replayed
    assert not first.replayed
    assert again.transaction == first.transaction
    assert desk.credits(wallet) == 100
    for change in ({"amount": "101"}, {"reference": "x"}, {"credit_type": BONUS}):
        amount = str(change.pop("amount", "100"))
        with pytest.raises(KeyReused):
            desk.top_up(wallet, amount, key="order-7", **change)
    with pytest.raises(KeyReused):
        desk.top_up(desk.default("EUR"), "100", key="order-7")
    assert desk.credits(wallet) == 100


def test_a_grant_for_later_lands_then(desk: Desk) -> None:
    wallet = desk.default()
    done = desk.grant(wallet, "10", key="g", effective_at=desk.at + DAY)
    assert done.transaction.effective_at == desk.at + DAY
    assert (desk.credits(wallet), desk.statement(wallet)) == (0, [])
    assert desk.grant(wallet, "10", key="g", effective_at=desk.at + DAY).replayed
    desk.at += DAY
    assert desk.credits(wallet) == 10  # before anybody has written it
    desk.deduct(wallet, "4")
    lines = desk.statement(wallet)
    assert lines[0].id == done.transaction.id
    assert [line.credits_micros for line in lines] == [10_000_000, -4_000_000]
    assert lines[0].created_at == desk.at


def test_a_grant_expires_at_its_instant(desk: Desk) -> None:
    wallet = desk.default()
    done = desk.grant(wallet, "10", expires_at=desk.at + DAY)
    desk.deduct(wallet, "4")
    desk.at += DAY - timedelta(microseconds=1)
    assert desk.credits(wallet) == 6
    desk.at += timedelta(microseconds=1)
    assert desk.credits(wallet) == 0
    grant_id = done.transaction.grant_id
    assert grant_id is not None
    for _ in range(2):  # due work may come twice
        desk.write(lambda tx: wallets.expire_grant(tx, desk.space, grant_id, desk.at))
    assert [line.type for line in desk.statement(wallet)] == ["grant", "deduction", "expiry"]
    assert desk.statement(wallet)[-1].credits_micros == -6_000_000


def test_landing_and_expiry_are_due_work(desk: Desk) -> None:
    wallet = desk.default()
    desk.grant(wallet, "10", effective_at=desk.at + DAY, expires_at=desk.at + 2 * DAY)
    rows = desk.db.read(lambda tx: tx.execute(select(due_work)).mappings().all())
    kinds = {row["kind"]: row["due_at"] for row in rows}
    assert kinds == {
        "wallet.land_grant": desk.at + DAY,
        "wallet.expire_grant": desk.at + 2 * DAY,
    }
    grant_id = rows[0]["subject_id"]
    desk.write(lambda tx: wallets.land_grant(tx, desk.space, grant_id, kinds["wallet.land_grant"]))
    desk.at += DAY
    assert [line.credits_micros for line in desk.statement(wallet)] == [10_000_000]
    desk.write(lambda tx: wallets.expire_grant(tx, desk.space, "grt_none", desk.at))


def test_a_wallet_left_alone_catches_up_in_order(desk: Desk) -> None:
    wallet = desk.wallet(allow_negative_balance=True)
    desk.deduct(wallet, "20")
    desk.grant(wallet, "50", effective_at=desk.at + DAY, expires_at=desk.at + 3 * DAY)
    desk.at += 5 * DAY
    assert desk.credits(wallet) == 0
    desk.deduct(wallet, "1")
    assert [line.credits_micros // 1_000_000 for line in desk.statement(wallet)] == [
        -20,
        50,
        -30,
        -1,
    ]


def test_a_grant_that_is_never_alive_is_refused(desk: Desk) -> None:
    wallet = desk.default()
    for span in (
        {"expires_at": desk.at},
        {"effective_at": desk.at + DAY, "expires_at": desk.at + DAY},
    ):
        with pytest.raises(GrantNeverAlive):
            desk.grant(wallet, "1", **span)


def test_credit_repays_an_overdraft_first(desk: Desk) -> None:
    wallet = desk.wallet(allow_negative_balance=True)
    desk.deduct(wallet, "20")
    assert desk.books() == {"overdraft": 20, "revenue": -20}
    desk.grant(wallet, "5")
    assert (desk.credits(wallet), desk.by_type(wallet)) == (-15, {})
    assert desk.books() == {"overdraft": 15, "revenue": -20, "promotional_expense": 5}
    desk.top_up(wallet, "100")
    assert desk.by_type(wallet) == {"purchased": 85}
    assert desk.books() == {
        "cash": 100,
        "customer_credit": -85,
        "revenue": -20,
        "promotional_expense": 5,
    }


def test_what_was_paid_comes_back_as_purchased_and_the_rest_as_free(desk: Desk) -> None:
    wallet = desk.default()
    desk.top_up(wallet, "10")
    desk.grant(wallet, "10")
    (paid,) = desk.pay("15")
    assert (paid.purchased, paid.free) == (5, 10)
    lines = desk.give_back(str(paid.purchased), str(paid.free), key="back")
    assert [line.credit_type for line in lines] == [CreditType.PURCHASED, FREE]
    assert desk.by_type(wallet) == {"purchased": 10, "free": 10}
    assert desk.books() == {"cash": 10, "customer_credit": -10}
    again = desk.give_back(str(paid.purchased), str(paid.free), key="back")
    assert [line.id for line in again] == [line.id for line in lines]
    with pytest.raises(KeyReused):
        desk.give_back("1", key="back")
    assert desk.credits(wallet) == 20


def test_money_given_back_makes_the_default_wallet(desk: Desk) -> None:
    desk.give_back("7.50", instead_of=AccountKind.UNAPPLIED)
    assert desk.money(desk.default()) == Decimal("7.50")
    assert desk.books() == {"unapplied": Decimal("7.50"), "customer_credit": Decimal("-7.50")}
