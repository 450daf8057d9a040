"""What is tracked, and the real application: stored exactly once."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from tallybook import DeliveryError, Tallybook
from tests.conftest import Home


class Flaky(httpx2.BaseTransport):
    """Passes requests on, and loses the answers to some."""

    def __init__(self, api: TestClient, *lost: int) -> None:
        self.api = api
        self.lost = set(lost)
        self.sent = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.sent += 1
        answer = self.api.request(
            request.method, str(request.url), content=request.read(), headers=request.headers.raw
        )
        if self.sent in self.lost:
            raise httpx2.ReadTimeout("the answer is lost", request=request)
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)


@pytest.fixture
def errors() -> list[DeliveryError]:
    return []


@pytest.fixture
def connect(
    api: TestClient, home: Home, errors: list[DeliveryError]
) -> Callable[..., tuple[Tallybook, Flaky]]:
    def make(*lost: int, **options: Any) -> tuple[Tallybook, Flaky]:
        flaky = Flaky(api, *lost)
        http = httpx2.Client(transport=flaky)
        client = Tallybook(
            home.live_key,
            base_url="http://testserver",
            http_client=http,
            on_error=errors.append,
            **options,
        )
        return client, flaky

    return make


def prepare(client: Tallybook) -> None:
    client.customers.create(name="Acme", external_id="acme")
    client.meters.create(key="calls", name="Calls", aggregation="sum")


def stored(client: Tallybook) -> list[Any]:
    return [item.attributes["n"] for item in client.events.list(order="asc", limit=100)]


def test_what_is_tracked_is_stored_once_though_answers_are_lost(
    connect: Callable[..., tuple[Tallybook, Flaky]], errors: list[DeliveryError]
) -> None:
    client, flaky = connect(max_batch_size=10)
    prepare(client)
    flaky.lost = {flaky.sent + 1, flaky.sent + 3}
    for number in range(35):
        client.track(customer_external_id="acme", meter="calls", attributes={"n": number})
    told = client.flush()
    assert told is not None
    assert (told.accepted + told.duplicates, told.rejected, told.retry) == (35, 0, 0)
    assert told.duplicates >= 10
    assert sorted(stored(client)) == list(range(35))
    assert errors == []
    assert client.queue_stats().delivered == 35


def test_a_bad_item_is_told_and_the_others_are_stored(
    connect: Callable[..., tuple[Tallybook, Flaky]], errors: list[DeliveryError]
) -> None:
    client, _ = connect()
    prepare(client)
    client.track(customer_external_id="acme", meter="calls", attributes={"n": 0})
    client.track(customer_external_id="acme", meter="calls", quantity=-1, attributes={"n": 1})
    client.track(customer_external_id="new", meter="other", attributes={"n": 2})
    told = client.flush()
    assert told is not None
    assert (told.accepted, told.unmatched, told.rejected) == (2, 1, 1)
    assert [error.events[0]["attributes"] for error in errors] == [{"n": 1}]
    assert sorted(stored(client)) == [0, 2]


def test_the_same_key_is_stored_once_from_the_queue_and_at_once(
    connect: Callable[..., tuple[Tallybook, Flaky]],
) -> None:
    client, _ = connect()
    prepare(client)
    use: dict[str, Any] = {
        "customer_external_id": "acme",
        "meter": "calls",
        "attributes": {"n": 0},
        "idempotency_key": "job 7",
        "timestamp": "2026-11-01T00:00:00Z",
    }
    assert client.track_immediate(**use).accepted == 1
    client.track(**use)
    told = client.flush()
    assert told is not None
    assert (told.accepted, told.duplicates) == (0, 1)
    assert client.track_immediate(**use).duplicates == 1
    assert stored(client) == [0]
