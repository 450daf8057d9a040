"""Wallets and payments through the SDK, against the real application in process."""

from decimal import Decimal

import pytest
from starlette.testclient import TestClient

from tallybook import (
    ConflictError,
    Customer,
    InsufficientBalanceError,
    Tallybook,
    UnprocessableEntityError,
    Wallet,
)
from tests.conftest import Home


@pytest.fixture
def client(api: TestClient, home: Home) -> Tallybook:
    return Tallybook(home.live_key, base_url="http://testserver", http_client=api, max_retries=0)


@pytest.fixture
def customer(client: Tallybook) -> Customer:
    return client.customers.create(name="Acme", external_id="acme")


def test_a_wallet_tops_up_grants_and_knows_its_balance(
    client: Tallybook, customer: Customer
) -> None:
    wallet = client.wallets.get_or_create(customer.id, "SAR")
    assert wallet == client.wallets.get_or_create(customer_external_id="acme", currency="SAR")
    first = wallet.top_up(amount=500, reference="bank transfer", idempotency_key="inv_123")
    assert (first.idempotent, wallet.balance) == (False, Decimal(500))
    again = wallet.top_up(amount=500, reference="bank transfer", idempotency_key="inv_123")
    assert (again.idempotent, wallet.balance) == (True, Decimal(500))
    assert again.transaction == first.transaction
    wallet.grant_credit(amount=50, reference="SLA credit", idempotency_key="sla")
    assert wallet.balance == 550
    assert wallet.has_sufficient_balance(550)
    assert not wallet.has_sufficient_balance("550.01")
    client.wallets.deduct(wallet.id, "0.5")
    assert wallet.balance == 550
    assert wallet.refresh_balance() == Decimal("549.5") == wallet.balance
    page = wallet.get_transactions(limit=2)
    assert (page.total_count, len(page.data)) == (3, 2)
    assert [line.type for line in page] == ["deduction", "grant", "top_up"]
    assert [line.type for line in wallet.get_transactions()] == ["deduction", "grant", "top_up"]


def test_named_wallets_of_credits(client: Tallybook, customer: Customer) -> None:
    wallet = client.wallets.create(
        customer_id=customer.id,
        name="Main Credits",
        currency="USD",
        conversion_rate=100,
        initial_credits=25,
        auto_recharge_enabled=True,
        auto_recharge_threshold=10,
        auto_recharge_amount=1000,
    )
    assert (wallet.credits_balance, wallet.balance) == (25, Decimal("0.25"))
    with pytest.raises(ConflictError):
        client.wallets.create(customer_id=customer.id, name="Main Credits")
    with pytest.raises(InsufficientBalanceError) as refused:
        wallet.deduct(30)
    error = refused.value
    assert (error.required, error.available, error.currency) == (30, 25, "USD")
    assert error.wallet_id == wallet.id
    done = wallet.deduct(20, description="Agent API usage")
    assert isinstance(done.wallet, Wallet)
    balance = client.wallets.get_balance(wallet.id)
    assert balance.credits_balance == balance.by_credit_type["free"] == 5
    (payment,) = client.payments.list(customer_id=customer.id, status="pending")
    assert (payment.amount, payment.source) == (10, "auto_recharge")
    client.payments.update(payment.id, status="completed")
    assert client.wallets.get(wallet.id).credits_balance == 1005
    changed = client.wallets.update(wallet.id, name="Credits", auto_recharge_enabled=False)
    assert [item.name for item in client.wallets.list(customer_external_id="acme")] == ["Credits"]
    assert changed.auto_recharge_threshold == 10
    raw = client.wallets.with_raw_response.get(wallet.id)
    assert raw.parse() == client.wallets.get(wallet.id)


def test_payments_and_refunds(client: Tallybook, customer: Customer) -> None:
    payment = client.payments.create(
        customer_id=customer.id,
        amount="99.50",
        payment_method="credit_card",
        external_transaction_id="pi_1",
        status="completed",
        metadata={"order": 7},
    )
    with pytest.raises(ConflictError) as taken:
        client.payments.create(customer_id=customer.id, amount=1, external_transaction_id="pi_1")
    assert taken.value.code == "duplicate_external_transaction_id"
    wallet = client.wallets.get_or_create(customer.id, "USD")
    assert wallet.balance == Decimal("99.50")
    refund = client.payments.refund(payment.id, amount="50", reason="partial")
    assert (refund.amount, refund.payment_id) == (50, payment.id)
    with pytest.raises(UnprocessableEntityError) as refused:
        client.payments.refund(payment.id, 50)
    assert refused.value.code == "refund_exceeds_payment"
    assert client.payments.refund(payment.id).amount == Decimal("49.50")
    shown = client.payments.get(payment.id)
    assert (shown.status, len(shown.refunds)) == ("refunded", 2)
    pending = client.payments.create(customer_external_id="acme", amount=5)
    client.payments.delete(pending.id)
    assert [item.id for item in client.payments.list()] == [payment.id]
    with pytest.raises(ConflictError):
        client.payments.delete(payment.id)
