"""The server is killed while it posts webhooks; the next one posts what was under way."""

import json
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Server, eventually
from tests.webhooks.receiver import Handler, Receiver

pytestmark = pytest.mark.slow
EVENTS = 12


class Slow:
    """Answers nothing until it may."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()

    def __call__(self, handler: Handler) -> None:
        if self.may_answer.wait(30):
            handler.reply(204)


@pytest.fixture
def slow() -> Iterator[tuple[Slow, Receiver]]:
    answer = Slow()
    receiver = Receiver(answer=answer)
    yield answer, receiver
    answer.may_answer.set()
    receiver.close()


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_a_kill_in_mid_delivery_loses_no_event(
    installation: Server, slow: tuple[Slow, Receiver]
) -> None:
    answer, receiver = slow
    allowed = 'webhook_allowed_networks = ["127.0.0.0/8"]\n'
    (installation.directory / "tallybook.toml").write_text(allowed)
    server = installation.start()
    key = server.json("projects", "create", "Acme")["test_key"]
    with server.client(key) as client:
        endpoint = client.webhook_endpoints.create(url=receiver.url).id
        for number in range(EVENTS):
            client.customers.create(name=f"Customer {number}")
    eventually(lambda: len(receiver.got) > 0)
    server.kill()
    under_way = len(receiver.got)
    assert 0 < under_way <= EVENTS

    answer.may_answer.set()  # to nobody: those who asked are gone
    server.start()
    with server.client(key) as client:

        def all_arrived() -> bool:
            page = client.webhook_endpoints.deliveries(endpoint, status="succeeded", limit=100)
            return len(page.data) == EVENTS

        eventually(all_arrived, 20.0)
        done = client.webhook_endpoints.deliveries(endpoint, limit=100).data
    assert Counter(one.status for one in done) == {"succeeded": EVENTS}
    ids = Counter(json.loads(got.body)["id"] for got in receiver.got)
    assert set(ids) == {one.message_id for one in done}, "each event, under its one id"
