"""Where a POST may go is decided when it goes: names that change, and certificates."""

import asyncio
import ssl

import pytest

from tallybook.server.kernel import clock
from tallybook.server.storage import Database
from tallybook.server.webhooks.models import Claimed, DeliveryStatus
from tallybook.server.webhooks.posting import Poster

from .conftest import Desk
from .receiver import LOOPBACK, Receiver
from .test_rules import BLOCKED, SPELLINGS


def work_for(url: str) -> Claimed:
    envelope = {"id": "msg_1", "event": "x", "data": {}}
    return Claimed(1, "whd_1", "whe_1", "msg_1", 1, 0, 0, url, ("whsec_AAAA",), envelope)  # type: ignore[arg-type]


@pytest.mark.parametrize("address", BLOCKED)
def test_nothing_is_sent_to_a_name_that_now_leads_inside(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("httpcore2.AnyIOBackend.connect_tcp", lambda *a, **k: asked.append(a))

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["8.8.8.8", address]  # the public one first

    poster = Poster(resolve=resolve)
    outcome = asyncio.run(poster.post(work_for("https://hooks.example.com/")))
    host = f"[{address.partition('%')[0]}]" if ":" in address else address
    direct = asyncio.run(poster.post(work_for(f"https://{host}/")))
    for result in (outcome, direct):
        assert not result.is_success
        assert "refused" in (result.error or "")
    assert asked == []


@pytest.mark.parametrize("url", [url for url in SPELLINGS if "localhost" not in url])
def test_a_strange_url_that_came_into_the_database_is_not_sent_to(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("httpcore2.AnyIOBackend.connect_tcp", lambda *a, **k: asked.append(a))

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    assert not asyncio.run(Poster(resolve=resolve).post(work_for(url))).is_success
    assert asked == []


def test_the_connection_goes_to_the_address_that_was_checked(receiver: Receiver) -> None:
    """A name is resolved once: a second answer, with another address, is never asked for."""
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    async def resolve(_host: str, _port: int) -> list[str]:
        return answers.pop(0)

    poster = Poster(LOOPBACK, resolve=resolve)
    url = f"http://hooks.example.com:{receiver.port}/x"
    assert asyncio.run(poster.post(work_for(url))).is_success
    assert receiver.got[0].headers["host"] == f"hooks.example.com:{receiver.port}"
    assert answers == [["10.0.0.1"]]
    second = asyncio.run(poster.post(work_for(url)))
    assert second.error == "refused: it leads to an address that is not public"
    assert len(receiver.got) == 1


def test_a_proxy_of_the_environment_is_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Receiver()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    assert asyncio.run(Poster(LOOPBACK).post(work_for(receiver.url))).is_success
    assert (len(receiver.got), proxy.got) == (1, [])
    proxy.close()


def test_a_second_address_is_tried_where_the_first_does_not_answer(receiver: Receiver) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["::1", "127.0.0.1"]

    url = f"http://hooks.example.com:{receiver.port}/x"
    assert asyncio.run(Poster(LOOPBACK, resolve=resolve).post(work_for(url))).is_success


def test_a_receiver_without_tls_is_no_https_receiver(receiver: Receiver) -> None:
    url = f"https://127.0.0.1:{receiver.port}/"
    outcome = asyncio.run(Poster(LOOPBACK, timeout_s=3).post(work_for(url)))
    assert not outcome.is_success
    assert receiver.got == []
    assert Poster().tls.verify_mode is ssl.CERT_REQUIRED
    assert Poster().tls.check_hostname


def test_an_endpoint_that_moved_inside_is_refused_and_shown(desk: Desk, db: Database) -> None:
    """As of when it was made, its network was allowed; the operator has changed his mind."""
    endpoint = desk.endpoint("http://127.0.0.1:9/")
    desk.poster = Poster()
    desk.tell()
    desk.deliver(clock.now())
    (delivery,) = desk.deliveries(endpoint)
    assert delivery.status is DeliveryStatus.PENDING
    assert "not public" in (delivery.attempts[0].error or "")
