"""Charges at Stripe, by its own library against a stand-in; on both databases."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from tallybook.server.identity.models import Mode
from tallybook.server.kernel import clock
from tallybook.server.payments import orders
from tallybook.server.payments.models import StripeKeys
from tallybook.server.payments.stripe import Stripe
from tallybook.server.storage import Database
from tallybook.server.worker.charging import Charger
from tests.billing.conftest import Books, books
from tests.billing.test_settings import told

from . import stripe_stand_in
from .stripe_stand_in import DECLINED, SECRET, SLOW, StandIn, sign

__all__ = ["books"]


@pytest.fixture
def there() -> Iterator[StandIn]:
    with stripe_stand_in.opened() as opened:
        yield opened


@pytest.fixture
def gateway(there: StandIn) -> Iterator[Stripe]:
    made = Stripe(StripeKeys("sk_test_x", (SECRET,), there.url), timeout_s=5)
    yield made
    made.close()


@pytest.fixture
def work(db: Database, gateway: Stripe, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """Let the charger do one order, some time later in real time."""
    real = clock.now

    def run(after: timedelta = timedelta(0), **gateways: Any) -> bool:
        monkeypatch.setattr(clock, "now", lambda: real() + after)
        try:
            return Charger(db, gateways.get("gateways", {Mode.TEST: gateway})).step()
        finally:
            monkeypatch.setattr(clock, "now", real)

    return run


LATER = timedelta(minutes=10)


def account(method: str = "pm_card_visa") -> dict[str, str]:
    return {"provider": "stripe", "customer_id": "cus_1", "payment_method_id": method}


def begin(books: Books, method: str = "pm_card_visa", **fields: Any) -> dict[str, Any]:
    """A customer with a card, who owes 20 for the month; return the pending payment."""
    books.advance("2026-01-01T00:00:00Z")
    books.customer(payment_account=account(method))
    books.plan("pro", base="20")
    books.subscribe(**fields)
    return payment_of(books)


def payment_of(books: Books) -> dict[str, Any]:
    found: dict[str, Any] = books.get("/payments")["data"][0]
    return found


def tell(books: Books, body: bytes, signature: str | None = None) -> Any:
    headers = {"Stripe-Signature": sign(body) if signature is None else signature}
    return books.http.post("/providers/stripe/webhook", content=body, headers=headers)


@pytest.fixture
def hears(books: Books, gateway: Stripe) -> Iterator[None]:
    state = books.http.app.state
    before, state.gateways = state.gateways, {Mode.TEST: gateway}
    yield
    state.gateways = before


def test_an_invoice_is_charged_to_the_card(
    books: Books, there: StandIn, work: Callable[..., bool]
) -> None:
    payment = begin(books)
    assert (payment["status"], payment["provider"], payment["amount"]) == (
        "pending",
        "stripe",
        "20.00",
    )
    (invoice,) = books.invoices()
    assert (invoice["status"], invoice["past_due"]) == ("open", False)
    assert there.calls == [], "nobody calls in the request"
    assert work() is True
    assert work() is False
    payment = payment_of(books)
    assert (payment["status"], payment["external_transaction_id"]) == ("completed", "pi_1")
    (invoice,) = books.invoices()
    assert (invoice["status"], invoice["amount_paid"]) == ("paid", "20.00")
    assert there.charged == [(2000, "usd")]
    assert there.intents["pi_1"]["metadata"] == {"tallybook_order": payment["id"]}


def test_a_declined_card_leaves_the_invoice_past_due_and_dunning_goes_on(
    books: Books, there: StandIn, work: Callable[..., bool]
) -> None:
    payment = begin(books, DECLINED)
    work()
    payment = payment_of(books)
    assert payment["status"] == "failed"
    assert payment["failure_reason"] == "Your card has insufficient funds. (insufficient_funds)"
    (invoice,) = books.invoices()
    assert (invoice["status"], invoice["past_due"]) == ("open", True)
    books.advance("2026-01-02T00:00:00Z")
    again = payment_of(books)
    assert again["id"] != payment["id"], "a new payment, a new intent"
    assert again["status"] == "pending"
    books.advance("2026-01-09T00:00:00Z")
    assert len(books.get("/payments")["data"]) == 2, "no other beside one that is under way"
    answer = books.http.patch(
        "/customers/external/acme",
        json={"payment_account": account()},
        headers={"Idempotency-Key": "card"},
    )
    assert answer.status_code == 200
    work()
    assert payment_of(books)["status"] == "failed", "what was asked never changes"
    assert books.invoices()[0]["status"] == "uncollectible", "the other days have passed"
    assert there.charged == []


def test_a_decline_on_a_dunning_day_waits_for_the_next(
    books: Books, there: StandIn, work: Callable[..., bool]
) -> None:
    begin(books, DECLINED)
    work()
    books.advance("2026-01-02T00:00:00Z")
    work()
    assert books.invoices()[0]["status"] == "open"
    there_now = books.http.patch(
        "/customers/external/acme",
        json={"payment_account": account()},
        headers={"Idempotency-Key": "card"},
    )
    assert there_now.json()["payment_account"]["payment_method_id"] == "pm_card_visa"
    books.advance("2026-01-04T00:00:00Z")
    work()
    assert books.invoices()[0]["status"] == "paid"
    assert there.charged == [(2000, "usd")]


@pytest.mark.parametrize("step", ["payment_intents", "confirm"])
@pytest.mark.parametrize("fault", ["before", "after", "500"])
def test_whatever_is_lost_is_charged_once(
    books: Books, there: StandIn, work: Callable[..., bool], step: str, fault: str
) -> None:
    begin(books)
    there.faults[step] = [fault]
    work()
    (invoice,) = books.invoices()
    assert invoice["status"] == "open"
    expected = "unknown" if step == "confirm" else "pending"
    assert payment_of(books)["status"] == expected
    refused = books.post(f"/invoices/{invoice['id']}/pay", status=409)
    assert refused["code"] == "payment_under_way"
    there.is_keyless = fault == "500"  # as after a day: its keys are forgotten
    assert work(LATER) is True
    assert payment_of(books)["status"] == "completed"
    assert there.charged == [(2000, "usd")]
    assert books.invoices()[0]["amount_paid"] == "20.00"
    assert work(LATER * 20) is False


@pytest.mark.parametrize("at", ["prepare", "charge"])
def test_a_charger_that_dies_after_the_call_charges_nothing_twice(
    books: Books, there: StandIn, work: Callable[..., bool], gateway: Stripe, at: str, db: Database
) -> None:
    begin(books)

    class Dying:
        provider = gateway.provider

        def prepare(self, order: Any) -> Any:
            made = gateway.prepare(order)
            if at == "prepare":
                raise SystemExit
            return made

        def charge(self, order: Any) -> Any:
            gateway.charge(order)
            raise SystemExit

    with pytest.raises(SystemExit):
        work(gateways={Mode.TEST: Dying()})
    assert payment_of(books)["status"] == "pending"
    assert work() is False, "its lease runs"
    assert work(LATER) is True
    assert payment_of(books)["status"] == "completed"
    assert len(there.intents) == 1
    assert there.charged == [(2000, "usd")]


def test_a_lease_is_renewed_while_stripe_is_asked(
    books: Books, db: Database, there: StandIn, gateway: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "LEASE", timedelta(seconds=0.5))
    monkeypatch.setattr(orders, "RENEW_EVERY", timedelta(seconds=0.1))
    begin(books)
    asked = there.hold("confirm")
    others = Charger(db, {Mode.TEST: gateway})
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(Charger(db, {Mode.TEST: gateway}).step)
        assert asked.wait(10)
        time.sleep(1.2)
        assert others.step() is False, "it is still being asked"
        there.let_go()
        assert first.result() is True
    assert payment_of(books)["status"] == "completed"
    assert there.charged == [(2000, "usd")]


def test_who_dies_leaves_its_order_within_seconds(
    books: Books, there: StandIn, work: Callable[..., bool], gateway: Stripe
) -> None:
    begin(books)

    class Dying:
        provider = gateway.provider
        prepare = gateway.prepare

        def charge(self, order: Any) -> Any:
            gateway.charge(order)
            raise SystemExit

    with pytest.raises(SystemExit):
        work(gateways={Mode.TEST: Dying()})
    assert work(timedelta(seconds=21)) is True
    assert payment_of(books)["status"] == "completed"
    assert there.charged == [(2000, "usd")]


def test_a_lease_that_was_taken_over_writes_nothing(
    books: Books, db: Database, there: StandIn, work: Callable[..., bool], gateway: Stripe
) -> None:
    begin(books, DECLINED)

    class Slow:
        provider = gateway.provider
        prepare = gateway.prepare

        def charge(self, order: Any) -> Any:
            said = gateway.charge(order)
            there.intents[order.reference].update(status="succeeded", amount_received=2000)
            work(LATER)  # somebody else takes it meanwhile
            return said

    work(gateways={Mode.TEST: Slow()})
    assert payment_of(books)["status"] == "completed"
    assert books.invoices()[0]["status"] == "paid"


def test_a_payment_that_takes_days_is_paid_by_a_webhook(
    books: Books, there: StandIn, work: Callable[..., bool], hears: None
) -> None:
    begin(books, SLOW)
    work()
    assert payment_of(books)["status"] == "pending"
    books.advance("2026-02-05T00:00:00Z")
    assert books.invoices()[0]["past_due"] is False or books.invoices()[0]["status"] == "open"
    intent = there.intents["pi_1"]
    intent.update(status="succeeded", amount_received=2000)
    body = there.event("payment_intent.succeeded", intent, id="evt_1")
    assert tell(books, body).status_code == 200
    assert books.invoices()[0]["status"] == "paid"
    assert tell(books, body).status_code == 200
    late = there.event("payment_intent.payment_failed", {**intent, "status": "canceled"})
    assert tell(books, late).status_code == 200
    paid = [p for p in books.get("/payments")["data"] if p["status"] == "completed"]
    assert [p["external_transaction_id"] for p in paid] == ["pi_1"]


def test_webhooks_are_refused_unsigned_and_ignored_where_they_are_not_ours(
    books: Books, there: StandIn, work: Callable[..., bool], hears: None
) -> None:
    begin(books, SLOW)
    work()
    paid = {**there.intents["pi_1"], "status": "succeeded", "amount_received": 2000}
    body = there.event("payment_intent.succeeded", paid)
    for signature in ("", "t=1,v1=00", "rubbish", sign(body, "whsec_other"), sign(b"{}")):
        answer = tell(books, body, signature)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_signature")
    for other in (
        there.event("payment_intent.succeeded", {**paid, "metadata": {}}),
        there.event("payment_intent.succeeded", {**paid, "metadata": {"tallybook_order": "pay_x"}}),
        there.event("payment_intent.succeeded", {**paid, "amount_received": 1}),
        there.event("payment_intent.succeeded", {**paid, "currency": "eur"}),
        there.event("customer.created", {"id": "cus_1", "object": "customer"}),
    ):
        assert tell(books, other).status_code == 200
    assert payment_of(books)["status"] == "pending"
    assert tell(books, b"\xff", sign(b"x")).status_code == 400


def test_without_keys_no_webhook_is_taken(books: Books) -> None:
    answer = tell(books, b"{}", "x")
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_not_configured")
    assert "TALLYBOOK_STRIPE_WEBHOOK_SECRET" in answer.json()["detail"]


def test_a_server_without_a_key_says_what_to_set(books: Books, work: Callable[..., bool]) -> None:
    begin(books)
    work(gateways={})
    payment = payment_of(books)
    assert payment["status"] == "failed"
    assert payment["failure_reason"] == "this server has no key of stripe: set stripe_test_key"


def test_nobody_else_says_what_becomes_of_it(books: Books, work: Callable[..., bool]) -> None:
    payment = begin(books)
    for status in ("completed", "failed", "canceled"):
        answer = books.http.patch(
            f"/payments/{payment['id']}",
            json={"status": status},
            headers={"Idempotency-Key": status},
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "payment_at_provider")
    assert books.http.delete(f"/payments/{payment['id']}").status_code == 409
    assert payment_of(books)["status"] == "pending"


def test_a_payment_by_hand_becomes_credit(
    books: Books, there: StandIn, work: Callable[..., bool]
) -> None:
    customer = books.customer(payment_account=account())
    body = {"customer_id": customer, "amount": "500", "currency": "JPY", "provider": "stripe"}
    books.post("/payments", {**body, "status": "completed"}, status=422)
    books.post("/payments", body)
    work()
    assert there.charged == [(500, "jpy")]
    assert books.wallet(customer, currency="JPY")["balance"] == "500"
    other = books.customer("other")
    refused = books.post("/payments", {**body, "customer_id": other}, status=422)
    assert refused["code"] == "payment_account_missing"


def test_what_stripe_cannot_take_exactly_fails_and_is_not_rounded(
    books: Books, there: StandIn, work: Callable[..., bool]
) -> None:
    customer = books.customer(payment_account=account())
    body = {"customer_id": customer, "amount": "1.234", "currency": "KWD", "provider": "stripe"}
    books.post("/payments", body)
    work()
    assert "steps of 0.01" in payment_of(books)["failure_reason"]
    assert there.intents == {}


def test_a_wallet_is_recharged_by_the_card(
    books: Books, there: StandIn, work: Callable[..., bool]
) -> None:
    customer = books.customer(payment_account=account())
    body = {
        "customer_id": customer,
        "name": "main",
        "currency": "USD",
        "initial_credits": "10",
        "auto_recharge_enabled": True,
        "auto_recharge_threshold": "5",
        "auto_recharge_amount": "20",
    }
    wallet = books.post("/wallets", body)
    books.post(f"/wallets/{wallet['id']}/deductions", {"amount": "7"})
    work()
    assert there.charged == [(2000, "usd")]
    assert books.get(f"/wallets/{wallet['id']}")["balance"] == "23.00"


def test_a_lost_refund_is_found_behind_hundreds_of_others(
    books: Books, there: StandIn, work: Callable[..., bool]
) -> None:
    payment = begin(books)
    work()
    books.post(f"/payments/{payment['id']}/refunds", {"amount": "5"})
    there.faults["refunds"] = ["after"]
    work()
    (made,) = there.refunds.values()
    for number in range(250):  # made at Stripe by hand since then
        there.refunds[f"re_x{number}"] = {
            **made,
            "id": f"re_x{number}",
            "amount": 1,
            "metadata": {},
        }
    there.is_keyless = True
    work(LATER)
    (refund,) = payment_of(books)["refunds"]
    assert (refund["status"], refund["external_refund_id"]) == ("completed", made["id"])
    assert len(there.refunds) == 251


@pytest.mark.parametrize("fault", ["", "before", "after"])
def test_a_refund_is_paid_out_once(
    books: Books, there: StandIn, work: Callable[..., bool], fault: str
) -> None:
    payment = begin(books)
    work()
    refund = books.post(f"/payments/{payment['id']}/refunds", {"amount": "5"})
    assert refund["status"] == "pending"
    assert there.refunds == {}
    there.faults["refunds"] = [fault]
    work()
    there.is_keyless = True  # its keys are forgotten, its refunds are not
    work(LATER)
    shown = payment_of(books)
    assert [(r["status"], r["amount"]) for r in shown["refunds"]] == [("completed", "5.00")]
    assert (shown["status"], shown["amount_refunded"]) == ("partially_refunded", "5.00")
    assert [one["amount"] for one in there.refunds.values()] == [500]
    assert books.post(f"/payments/{payment['id']}/refunds", {"amount": "16"}, status=422)


def test_a_refund_that_fails_becomes_credit(
    books: Books, there: StandIn, work: Callable[..., bool], hears: None
) -> None:
    payment = begin(books)
    work()
    there.refund_status = "pending"
    books.post(f"/payments/{payment['id']}/refunds", {"amount": "5"})
    work()
    assert payment_of(books)["refunds"][0]["status"] == "pending"
    (made,) = there.refunds.values()
    failed = {**made, "status": "failed", "failure_reason": "expired_or_canceled_card"}
    for body in (
        there.event("refund.failed", failed),
        there.event("refund.updated", failed),
        there.event("refund.updated", {**made, "status": "succeeded"}),
    ):
        assert tell(books, body).status_code == 200
    shown = payment_of(books)
    assert shown["refunds"][0]["status"] == "failed"
    assert (shown["status"], shown["amount_refunded"]) == ("completed", "0.00")
    assert books.wallet(shown["customer_id"])["balance"] == "5.00"


def test_the_test_clock_charges_on_its_way(books: Books, there: StandIn, hears: None) -> None:
    begin(books, DECLINED)
    books.advance("2026-01-20T00:00:00Z")
    (invoice,) = books.invoices()
    assert (invoice["status"], invoice["uncollectible_at"]) == (
        "uncollectible",
        "2026-01-08T00:00:00Z",
    )
    tried = books.get("/payments", order="asc")["data"]
    assert [p["updated_at"][:10] for p in tried] == [
        "2026-01-01",
        "2026-01-02",
        "2026-01-04",
        "2026-01-06",
        "2026-01-08",
    ]
    assert {p["status"] for p in tried} == {"failed"}
    assert len(there.intents) == 5


def test_an_event_counts_once_whatever_comes_under_its_id_again(
    books: Books, there: StandIn, work: Callable[..., bool], hears: None
) -> None:
    payment = begin(books)
    work()
    there.refund_status = "pending"
    books.post(f"/payments/{payment['id']}/refunds", {"amount": "5"})
    work()
    (made,) = there.refunds.values()
    tell(books, there.event("refund.updated", {**made, "status": "succeeded"}, id="evt_1"))
    tell(books, there.event("refund.failed", {**made, "status": "failed"}, id="evt_1"))
    assert payment_of(books)["refunds"][0]["status"] == "completed"
    tell(books, there.event("refund.failed", {**made, "status": "failed"}, id="evt_2"))
    assert payment_of(books)["refunds"][0]["status"] == "failed"


def test_what_is_signed_for_live_says_nothing_of_a_test_space(
    books: Books, there: StandIn, work: Callable[..., bool], gateway: Stripe, hears: None
) -> None:
    begin(books, SLOW)
    work()
    paid = {**there.intents["pi_1"], "status": "succeeded", "amount_received": 2000}
    books.http.app.state.gateways = {Mode.LIVE: gateway}
    assert tell(books, there.event("payment_intent.succeeded", paid)).status_code == 200
    assert payment_of(books)["status"] == "pending"
    books.http.app.state.gateways = {Mode.TEST: gateway}
    assert tell(books, there.event("payment_intent.succeeded", paid)).status_code == 200
    assert payment_of(books)["status"] == "completed"


def test_webhooks_and_chargers_at_once_pay_once(
    books: Books, db: Database, there: StandIn, gateway: Stripe, hears: None
) -> None:
    begin(books, SLOW)
    charger = Charger(db, {Mode.TEST: gateway})
    charger.step()
    paid = there.intents["pi_1"]
    paid.update(status="succeeded", amount_received=2000)
    bodies = [there.event("payment_intent.succeeded", paid) for _ in range(3)] * 2
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: tell(books, body).status_code, bodies))
    assert answers == [200] * len(answers)
    (payment,) = books.get("/payments")["data"]
    assert payment["status"] == "completed"
    (invoice,) = books.invoices()
    assert (invoice["status"], invoice["amount_paid"]) == ("paid", "20.00")
    assert len(told(db, "payment.completed")) == 1
    assert len(told(db, "invoice.paid")) == 1


def test_two_chargers_make_each_charge_once(
    books: Books, db: Database, there: StandIn, gateway: Stripe
) -> None:
    customer = books.customer(payment_account=account())
    body = {"customer_id": customer, "amount": "1", "currency": "USD", "provider": "stripe"}
    for _ in range(6):
        books.post("/payments", body)

    def run(_: int) -> None:
        charger = Charger(db, {Mode.TEST: gateway})
        while charger.step():
            pass
        gateway.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, range(3)))
    assert there.charged == [(100, "usd")] * 6
    assert len(there.intents) == 6
    assert {p["status"] for p in books.get("/payments")["data"]} == {"completed"}
    assert books.wallet(customer)["balance"] == "6.00"


def test_a_credit_note_is_paid_back_to_the_card(
    books: Books, there: StandIn, work: Callable[..., bool]
) -> None:
    begin(books)
    work()
    (invoice,) = books.invoices()
    note = {"invoice_id": invoice["id"], "amount": "8", "reason": "down", "refund_to": "payment"}
    books.post("/credit-notes", note)
    work()
    (refund,) = payment_of(books)["refunds"]
    assert (refund["amount"], refund["status"]) == ("8.00", "completed")
    assert refund["external_refund_id"] == next(iter(there.refunds))
    assert [one["amount"] for one in there.refunds.values()] == [800]
