"""Deliveries: at least once, each with the same body, until they are received or given up."""

import hashlib
import hmac
import json
import threading
import time
from base64 import b64decode
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from tallybook.server.kernel import clock
from tallybook.server.storage import outbox
from tallybook.server.storage.tables import outbox as outbox_table
from tallybook.server.webhooks import service
from tallybook.server.webhooks.errors import WebhookEndpointDisabled, WebhookEventNotFound
from tallybook.server.webhooks.models import DeliveryStatus, DisabledReason, EndpointStatus
from tallybook.server.webhooks.rules import retries
from tallybook.server.webhooks.sender import Sender
from tests.conftest import open_project

from .conftest import Desk
from .receiver import Handler, Receiver, answering, free_port, wait_until


def test_an_event_arrives_signed_in_both_forms(
    desk: Desk, receiver: Receiver, sender: Callable[..., Sender]
) -> None:
    endpoint = desk.endpoint(receiver.url)
    sender()
    began = time.monotonic()
    message_id = desk.tell()
    wait_until(lambda: receiver.got)
    assert time.monotonic() - began < 5
    got = receiver.got[0]
    shown = json.loads(got.body)
    assert got.path == "/hook?x=1"
    assert got.headers["content-type"] == "application/json"
    assert list(shown) == [
        "id",
        "event",
        "created_at",
        "data",
        "api_version",
        "project_id",
        "sequence",
    ]
    assert (shown["id"], shown["event"], shown["sequence"]) == (message_id, "customer.created", 1)
    assert shown["project_id"] == desk.project_id
    key = b64decode(endpoint.secrets[0].value.removeprefix("whsec_"))
    assert len(key) == 32
    stamp = got.headers["webhook-timestamp"]
    assert abs(int(stamp) - clock.now().timestamp()) < 10
    signed = f"{message_id}.{stamp}.".encode() + got.body
    want = hmac.new(key, signed, hashlib.sha256).digest()
    assert got.headers["webhook-id"] == message_id
    assert b64decode(got.headers["webhook-signature"].removeprefix("v1,")) == want
    plain = hmac.new(key, f"{stamp}.".encode() + got.body, hashlib.sha256).hexdigest()
    assert got.headers["x-webhook-signature"] == f"t={stamp},v1={plain}"
    wait_until(lambda: desk.deliveries(endpoint)[0].status is DeliveryStatus.SUCCEEDED)
    (delivery,) = desk.deliveries(endpoint)
    assert [(a.number, a.status_code, a.error) for a in delivery.attempts] == [(1, 204, None)]


def test_an_endpoint_gets_what_it_wants_and_only_its_spaces_events(
    desk: Desk, receiver: Receiver
) -> None:
    desk.endpoint(receiver.url, ["invoice.paid"])
    other = open_project(desk.db, "Other")
    desk.db.write_now(
        lambda tx: outbox.append(
            tx, other.live.id, event="invoice.paid", object_id="x", data={}, at=clock.now()
        )
    )
    desk.tell("invoice.voided")
    wanted = desk.tell("invoice.paid")
    assert desk.deliver() == 1
    assert [json.loads(got.body)["id"] for got in receiver.got] == [wanted]


def test_a_failure_is_tried_again_with_the_same_body_and_id(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.endpoint(receiver.url)
    receiver.answer = answering(500, body=b"oh \x00\xff no")
    desk.tell()
    now = clock.now()
    assert desk.deliver(now) == 1
    assert desk.claim(now + timedelta(seconds=4)) == []
    receiver.answer = answering(200)
    assert desk.deliver(now + timedelta(seconds=6)) == 1
    first, second = receiver.got
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    (delivery,) = desk.deliveries(endpoint)
    assert delivery.status is DeliveryStatus.SUCCEEDED
    assert [a.status_code for a in delivery.attempts] == [200, 500]
    assert delivery.attempts[1].response_text == "oh \ufffd\ufffd no"
    assert desk.get(endpoint).failing_since is None


def test_after_ten_attempts_over_75_hours_it_is_given_up(desk: Desk) -> None:
    endpoint = desk.endpoint(f"http://127.0.0.1:{free_port()}/")
    desk.tell()
    now = began = clock.now()
    for _ in range(10):
        assert desk.deliver(now) == 1
        (delivery,) = desk.deliveries(endpoint)
        now = delivery.next_attempt_at or now
    assert delivery.status is DeliveryStatus.FAILED
    assert now - began == timedelta(hours=75, minutes=35, seconds=5)
    assert len(delivery.attempts) == 10
    assert "ConnectError" in (delivery.attempts[0].error or "")
    assert desk.claim(now + timedelta(days=30)) == []


def test_410_disables_at_once_and_the_others_are_told(desk: Desk, receiver: Receiver) -> None:
    receiver.answer = answering(410)
    endpoint = desk.endpoint(receiver.url)
    desk.tell()
    desk.deliver()
    after = desk.get(endpoint)
    assert (after.status, after.disabled_reason) == (EndpointStatus.DISABLED, DisabledReason.GONE)
    assert [d.status for d in desk.deliveries(endpoint)] == [DeliveryStatus.FAILED]
    receiver.answer = answering(204)
    desk.endpoint(receiver.url + "&second")
    receiver.got.clear()
    desk.deliver()
    (got,) = receiver.got
    shown = json.loads(got.body)
    assert shown["event"] == "webhook_endpoint.disabled"
    assert (shown["data"]["endpoint_id"], shown["data"]["reason"]) == (endpoint.id, "gone")
    desk.tell()
    desk.publish()
    assert len(desk.deliveries(endpoint)) == 1, "a disabled endpoint has nothing more"


def test_five_days_of_only_failures_disable_and_a_success_in_between_does_not(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.answer = answering(500)
    endpoint = desk.endpoint(receiver.url)
    now = clock.now()
    desk.tell()
    desk.deliver(now)
    receiver.answer = answering(200)
    desk.deliver(now + timedelta(days=4))
    receiver.answer = answering(500)
    desk.tell()
    desk.deliver(now + timedelta(days=6))
    assert desk.get(endpoint).status is EndpointStatus.ENABLED
    desk.tell()
    desk.deliver(now + timedelta(days=12))
    after = desk.get(endpoint)
    assert after.disabled_reason is DisabledReason.ONLY_FAILURES


def test_retry_after_is_honoured(desk: Desk, receiver: Receiver) -> None:
    receiver.answer = answering(429, {"Retry-After": "120"})
    endpoint = desk.endpoint(receiver.url)
    desk.tell()
    now = clock.now()
    desk.deliver(now)
    (delivery,) = desk.deliveries(endpoint)
    assert delivery.next_attempt_at == now + timedelta(seconds=120)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(
    desk: Desk, receiver: Receiver, status: int
) -> None:
    secret = Receiver()
    receiver.answer = answering(status, {"Location": secret.url})
    endpoint = desk.endpoint(receiver.url)
    desk.tell()
    desk.deliver()
    (delivery,) = desk.deliveries(endpoint)
    assert delivery.status is DeliveryStatus.PENDING
    assert delivery.attempts[0].status_code == status
    assert "redirect" in (delivery.attempts[0].error or "")
    assert secret.got == []
    secret.close()


def test_who_dies_in_mid_delivery_loses_nothing(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.endpoint(receiver.url)
    desk.tell()
    desk.publish()
    now = clock.now()
    (lost,) = desk.claim(now)  # and then the process is killed
    assert desk.claim(now + timedelta(seconds=59)) == []
    (again,) = desk.claim(now + timedelta(seconds=61))
    assert desk.post(again)
    assert not desk.post(lost), "the first one's lease is over: what it did no longer counts"
    (delivery,) = desk.deliveries(endpoint)
    assert delivery.status is DeliveryStatus.SUCCEEDED
    assert len(delivery.attempts) == 1
    assert len(receiver.got) == 2


def test_two_senders_claim_each_delivery_once(desk: Desk, receiver: Receiver) -> None:
    desk.endpoint(receiver.url)
    for _ in range(40):
        desk.tell()
    desk.publish()
    claimed: list[str] = []

    def work() -> None:
        claimed.extend(work.delivery_id for work in desk.claim(places=10))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed))


def test_a_deleted_endpoint_ends_what_runs(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.endpoint(receiver.url)
    desk.tell()
    desk.publish()
    (running,) = desk.claim()
    desk.db.write_now(lambda tx: service.remove(tx, desk.space, endpoint.id))
    assert not desk.post(running)
    assert desk.claim(clock.now() + timedelta(days=1)) == []


def test_both_secrets_sign_for_a_day_after_rotation(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.endpoint(receiver.url)
    now = clock.now()
    after = desk.db.write_now(lambda tx: service.rotate_secret(tx, desk.space, endpoint.id, at=now))
    assert after.secrets[1].value == endpoint.secrets[0].value
    desk.tell()
    desk.publish()
    (work,) = desk.claim(now + timedelta(hours=23, minutes=59))
    assert list(work.secrets) == [secret.value for secret in after.secrets]
    desk.post(work)
    assert len(receiver.got[0].headers["webhook-signature"].split(" ")) == 2
    assert receiver.got[0].headers["x-webhook-signature"].count("v1=") == 2
    desk.tell()
    desk.publish()
    (work,) = desk.claim(now + timedelta(hours=24))
    assert list(work.secrets) == [after.secrets[0].value]


def test_replay_sends_the_same_message_again(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.endpoint(receiver.url)
    message_id = desk.tell()
    desk.deliver()

    def replay() -> int:
        return desk.db.write_now(
            lambda tx: service.replay_message(
                tx, desk.space, endpoint.id, message_id, at=clock.now()
            )
        )

    assert replay() == 1
    assert desk.deliver() == 1
    assert receiver.got[0].body == receiver.got[1].body
    (delivery,) = desk.deliveries(endpoint)
    assert [attempt.number for attempt in delivery.attempts] == [2, 1]
    with pytest.raises(WebhookEventNotFound):
        desk.db.write_now(
            lambda tx: service.replay_message(
                tx, desk.space, endpoint.id, "msg_none", at=clock.now()
            )
        )


def test_replay_since_sends_what_did_not_arrive_or_was_never_sent(
    desk: Desk, receiver: Receiver
) -> None:
    since = clock.now() - timedelta(minutes=1)
    before = desk.tell()
    desk.publish()  # nobody was there
    endpoint = desk.endpoint(receiver.url)
    arrived = desk.tell()
    assert desk.deliver() == 1

    def set_status(status: str) -> None:
        desk.db.write_now(
            lambda tx: service.update(
                tx, desk.space, endpoint.id, {"status": status}, at=clock.now()
            )
        )

    failed = desk.tell()
    desk.publish()
    set_status("disabled")

    def replay() -> int:
        return desk.db.write_now(
            lambda tx: service.replay_since(tx, desk.space, endpoint.id, since, at=clock.now())
        )

    with pytest.raises(WebhookEndpointDisabled):
        replay()
    set_status("enabled")
    assert replay() == 2
    receiver.got.clear()
    assert desk.deliver() == 2
    sent = {json.loads(got.body)["id"] for got in receiver.got}
    assert sent == {before, failed}
    assert arrived not in sent


def test_a_dead_endpoint_does_not_slow_the_others(
    desk: Desk, receiver: Receiver, sender: Callable[..., Sender]
) -> None:
    hanging = threading.Event()
    dead = Receiver(answer=lambda _handler: hanging.wait(30))  # type: ignore[arg-type,return-value]
    desk.endpoint(dead.url)
    desk.endpoint(receiver.url)
    for number in range(100):
        desk.tell(object_id=f"cus_{number}")
    began = time.monotonic()
    sender(timeout_s=3.0)
    wait_until(lambda: len(receiver.got) == 100)
    assert time.monotonic() - began < 5
    assert len(dead.got) <= 20
    hanging.set()
    dead.close()


def slow(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.1)


def endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(10 << 30))
    handler.end_headers()
    while True:
        handler.wfile.write(b"x" * 65536)


def reset(handler: Handler) -> None:
    handler.connection.close()


@pytest.mark.parametrize(
    ("answer", "error", "succeeds"),
    [
        (slow, "no complete answer within 1 s", False),
        (endless, None, True),
        (reset, "", False),
        (lambda handler: handler.wfile.write(b"\x00garbage\r\n\r\n"), "", False),
        (answering(199 + 5), None, True),
        (answering(404), None, False),
    ],
    ids=["slow", "endless", "reset", "garbage", "204", "404"],
)
def test_whatever_a_receiver_does_it_ends_soon(
    desk: Desk, receiver: Receiver, answer: Callable[[Handler], None], error: str, succeeds: bool
) -> None:
    object.__setattr__(desk.poster, "timeout_s", 1.0)
    receiver.answer = answer
    endpoint = desk.endpoint(receiver.url)
    desk.tell()
    began = time.monotonic()
    desk.deliver()
    assert time.monotonic() - began < 3
    (delivery,) = desk.deliveries(endpoint)
    assert (delivery.status is DeliveryStatus.SUCCEEDED) is succeeds
    if error is None:
        assert delivery.attempts[0].error is None
    else:
        assert error in (delivery.attempts[0].error or "")


def test_old_deliveries_and_events_are_forgotten_but_sequences_go_on(
    desk: Desk, receiver: Receiver
) -> None:
    from tallybook.server.webhooks import feed

    endpoint = desk.endpoint(receiver.url)
    desk.tell()
    desk.tell()
    desk.deliver()
    desk.db.write_now(lambda tx: feed.forget(tx, now=clock.now() + timedelta(days=31)))
    assert desk.deliveries(endpoint) == []
    desk.tell()
    query = select(outbox_table.c.sequence).order_by(outbox_table.c.sequence)
    assert desk.db.read(lambda tx: list(tx.execute(query).scalars())) == [2, 3]


def test_the_schedule_is_the_published_one() -> None:
    assert retries.DELAYS_S == (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
