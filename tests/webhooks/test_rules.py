"""Signatures, schedule, and what webhooks may be sent to."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from tallybook.server.webhooks import connecting
from tallybook.server.webhooks.errors import WebhookUrlRefused
from tallybook.server.webhooks.models import DisabledReason, Outcome, Secret
from tallybook.server.webhooks.rules import addresses, retries, signing
from tallybook.server.webhooks.rules.urls import UrlRefused, parse_url

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPEC_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_example_of_the_standard_is_signed_as_it_says() -> None:
    token = signing.sign(
        b'{"test": 2432232314}',
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        sent_at_s=1614265330,
        secret=SPEC_SECRET,
    )
    assert token == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_rotation_keeps_the_old_secret_for_a_day_and_never_longer() -> None:
    secrets: Sequence[Secret] = (Secret("a"),)
    secrets = signing.rotated(secrets, "b", NOW)
    day = timedelta(hours=24)
    assert secrets == (Secret("b"), Secret("a", NOW + day))
    secrets = signing.rotated(secrets, "c", NOW + day / 2)
    assert secrets == (Secret("c"), Secret("b", NOW + day * 1.5), Secret("a", NOW + day))
    assert [s.value for s in signing.live(secrets, NOW + day)] == ["c", "b"]
    for number in range(10):
        secrets = signing.rotated(secrets, str(number), NOW + day)
    assert len(secrets) == signing.LIVE_MAX


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_delays_have_a_jitter_of_a_fifth(chance: float) -> None:
    for tries, delay_s in enumerate(retries.DELAYS_S, start=1):
        at = retries.next_attempt(Outcome(NOW, 1), tries=tries, chance=chance, now=NOW)
        assert at is not None
        assert (at - NOW).total_seconds() == pytest.approx(delay_s * (0.8 + 0.4 * chance))
    assert retries.next_attempt(Outcome(NOW, 1), tries=10, chance=chance, now=NOW) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("120", 120),
        (" 5 ", 5),
        ("-5", None),
        ("999999999999", 86_400),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60),
        ("Sun, 01 Mar 2020 12:01:00 GMT", 0),
        ("Sun, 99 Mar 2026", None),
        ("soon", None),
        ("٣", None),
        ("1" * 5000, None),
    ],
)
def test_retry_after_is_read_in_both_forms(text: str | None, seconds: int | None) -> None:
    assert retries.parse_retry_after(text, NOW) == seconds


def test_an_endpoint_is_given_up_after_five_days_or_at_410() -> None:
    failed = Outcome(NOW, 1, 500)
    almost = NOW - timedelta(days=5) + timedelta(seconds=1)
    assert retries.give_up(failed, failing_since=almost, now=NOW) is None
    five = NOW - timedelta(days=5)
    only_failures = DisabledReason.ONLY_FAILURES
    assert retries.give_up(failed, failing_since=five, now=NOW) is only_failures
    gone = Outcome(NOW, 1, 410)
    assert retries.give_up(gone, failing_since=None, now=NOW) is DisabledReason.GONE


BLOCKED = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2001:10::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff00::1",
    "ff02::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"]


@pytest.mark.parametrize("address", BLOCKED)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not addresses.is_public(ip_address(address))
    assert addresses.refusal([address], is_https=True, allowed=())
    assert addresses.refusal(["8.8.8.8", address], is_https=True, allowed=()), "one is enough"
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(WebhookUrlRefused):
        connecting.check_url(f"https://{host}/hook", ())
    with pytest.raises(WebhookUrlRefused):  # and what a name resolves to
        connecting.check_url("https://hooks.example.com/", (), lambda _host, _port: [address])


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_taken_with_https(address: str) -> None:
    assert addresses.refusal([address], is_https=True, allowed=()) is None
    assert addresses.refusal([address], is_https=False, allowed=())


SPELLINGS = [
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://127.0.0.1./",
    "https://0/",
    "https://localhost/",
    "https://localhost./",
    "https://user@example.com/",
    "https://user:pw@example.com/",
    "https://example.com@127.0.0.1/",
    "https://example.com\\@127.0.0.1/",
    "https://127。0。0。1/",
    "https://１２７.0.0.1/",
    "https://ex\u00e4mple.com/",
    "https://exa\u00admple.com/",
    "https://[::ffff:7f00:1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::1%25lo]/",
    "https://[127.0.0.1]/",
    "https://%31%32%37.0.0.1/",
    "https://127.0.0.1%00.example.com/",
    "http://8.8.8.8/",
    "HTTP://8.8.8.8/",
    "unix:///var/run/docker.sock",
    "file:///etc/passwd",
    "gopher://8.8.8.8/",
    "ftp://8.8.8.8/",
    "javascript:alert(1)",
    "//8.8.8.8/",
    "8.8.8.8",
    "https:8.8.8.8",
    "https:///path",
    "https://",
    "https://.example.com/",
    "https://example..com/",
    "https://exa mple.com/",
    "https://example.com/a b",
    "https://example.com/\r\nX-Evil: 1",
    "https://example.com/#fragment",
    "https://8.8.8.8:0/",
    "https://8.8.8.8:65536/",
    "https://8.8.8.8:99999999/",
    "https://8.8.8.8:22/",
    "https://8.8.8.8:25/",
    "https://8.8.8.8:6379/",
    "https://8.8.8.8:5432/",
    "https://8.8.8.8:-1/",
    "https://8.8.8.8:４４３/",
    "",
    "https://" + "a" * 3000 + "/",
    "https://" + "a" * 64 + ".com/",
]


@pytest.mark.parametrize("url", SPELLINGS)
def test_a_url_of_another_spelling_is_refused(url: str) -> None:
    with pytest.raises(WebhookUrlRefused):
        connecting.check_url(url, ())


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://Example.com", (True, "example.com", 443, "/", "example.com")),
        ("https://example.com:8443/a?b=c", (True, "example.com", 8443, "/a?b=c", None)),
        ("https://example.com?b=c", (True, "example.com", 443, "/?b=c", "example.com")),
        ("http://[2606:4700::1]:80/", (False, "2606:4700::1", 80, "/", "[2606:4700::1]")),
        ("https://xn--exmple-cua.com/", (True, "xn--exmple-cua.com", 443, "/", None)),
    ],
)
def test_a_url_is_read(url: str, target: tuple[bool, str, int, str, str | None]) -> None:
    read = parse_url(url)
    assert (read.is_https, read.host, read.port, read.path) == target[:4]
    assert read.authority == (target[4] or f"{read.host}{'' if read.port == 443 else ':8443'}")


def test_allowed_networks_may_be_private_and_plain_on_any_port() -> None:
    allowed = addresses.parse_networks("127.0.0.0/8, fd00::/8")
    connecting.check_url("http://127.0.0.1:22/", allowed)
    connecting.check_url("https://[fd00::1]:9/", allowed)
    connecting.check_url("http://hooks/", allowed, lambda _host, _port: ["127.0.0.1", "fd00::1"])
    for url in ("http://10.0.0.1/", "https://[::ffff:127.0.0.1]/", "http://[::1]/"):
        with pytest.raises(WebhookUrlRefused):
            connecting.check_url(url, allowed)
    for found in (["127.0.0.1", "10.0.0.1"], ["127.0.0.1", "8.8.8.8"]):
        with pytest.raises(WebhookUrlRefused):
            connecting.check_url("http://hooks/", allowed, lambda _host, _port, f=found: f)  # type: ignore[misc]
    with pytest.raises(ValueError, match="10"):
        addresses.parse_networks("10.0.0.1/8")


def test_a_name_that_does_not_resolve_yet_is_taken_and_a_broken_one_is_not() -> None:
    def fails(_host: str, _port: int) -> list[str]:
        raise OSError("no such name")

    connecting.check_url("https://not-yet.example.com/", (), fails)
    with pytest.raises(WebhookUrlRefused):
        connecting.check_url("http://not-yet.example.com/", (), fails)
    with pytest.raises(UrlRefused):
        parse_url("https://a_b-.com-/")


def test_a_new_secret_holds_32_bytes() -> None:
    assert signing.format_secret(b"\x00" * 32) == "whsec_" + b64encode(b"\x00" * 32).decode()
