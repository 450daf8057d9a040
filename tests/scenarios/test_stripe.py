"""Cards are charged by a server process, which is killed in the middle."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tallybook import Tallybook
from tests.e2e.conftest import Server, eventually
from tests.payments import stripe_stand_in
from tests.payments.stripe_stand_in import SECRET, StandIn

pytestmark = pytest.mark.slow
CARD: Any = {"provider": "stripe", "customer_id": "cus_1", "payment_method_id": "pm_card_visa"}


@pytest.fixture
def there() -> Iterator[StandIn]:
    with stripe_stand_in.opened() as opened:
        yield opened


def set_up(installation: Server, there: StandIn) -> str:
    lines = ('stripe_key = "sk_test_x"', f'stripe_webhook_secret = "{SECRET}"')
    text = "\n".join((*lines, f'stripe_url = "{there.url}"'))
    (installation.directory / "tallybook.toml").write_text(text)
    installation.start()
    return str(installation.json("projects", "create", "Acme")["live_key"])


def owe(client: Tallybook) -> str:
    client.customers.create(name="Zoë", external_id="zoe", payment_account=CARD)
    client.plans.create(name="Pro", key="pro")
    client.pricing.add_price_to_plan(
        "pro", market="global", base_price=20, billing_period="monthly"
    )
    client.subscriptions.create(customer_external_id="zoe", plan="pro")
    return client.payments.list(customer_external_id="zoe").data[0].id


def test_a_server_killed_while_it_charges_charges_once(
    installation: Server, there: StandIn
) -> None:
    key = set_up(installation, there)
    asked = there.hold("confirm")
    with installation.client(key) as client:
        payment = owe(client)
        assert asked.wait(10), "the charge is made, and its answer on the way"
    installation.kill()
    there.let_go()
    assert there.charged == [(2000, "usd")]
    installation.start()
    with installation.client(key) as client:
        if installation.database_url is None:  # beside others, its lease must run out first
            eventually(lambda: client.payments.get(payment).status == "completed")
            assert client.payments.get(payment).external_transaction_id == "pi_1"
            assert client.invoices.list(customer_external_id="zoe").data[0].status == "paid"
        else:
            tell(installation, there.event("payment_intent.succeeded", there.intents["pi_1"]))
            assert client.payments.get(payment).status == "completed"
        refund = client.payments.refund(payment, amount=5)
        assert refund.status == "pending"
        eventually(lambda: client.payments.get(payment).refunds[0].status == "completed")
    assert there.charged == [(2000, "usd")]
    assert [one["amount"] for one in there.refunds.values()] == [500]
    installation.stop()
    installation.command("verify")


def tell(server: Server, body: bytes) -> None:
    headers = {"Stripe-Signature": stripe_stand_in.sign(body)}
    url = f"{server.url}/api/v1/providers/stripe/webhook"
    httpx2.post(url, content=body, headers=headers).raise_for_status()
