"""What a client is built with, and what a call may change."""

import logging
from typing import Any

import httpx2
import pytest

from tallybook import (
    APIError,
    AsyncTallybook,
    ClientDisabledError,
    ConfigurationError,
    Tallybook,
    Timeout,
)
from tallybook.client.version import VERSION

from .stand_in import KEY, Blocking, StandIn, problem


@pytest.mark.parametrize("client", [Tallybook, AsyncTallybook])
@pytest.mark.parametrize("key", [None, "", "  ", "tb_live_é", "a b"])
def test_a_missing_or_impossible_key_is_refused_at_once(client: Any, key: str | None) -> None:
    with pytest.raises(ConfigurationError, match="key"):
        client(key)
    with pytest.raises(ConfigurationError, match="key"):
        client(key, disabled=True)


def test_the_environment_fills_in(form: Blocking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYBOOK_API_KEY", "tb_test_env")
    monkeypatch.setenv("TALLYBOOK_BASE_URL", "https://bill.example/x/")
    monkeypatch.setenv("TALLYBOOK_WEBHOOK_SECRET", "whsec_env")
    server = StandIn()
    client = form.client(server, api_key=None)
    form.do(client.customers.get("cus_1"))
    assert str(server.last.url) == "https://bill.example/x/api/v1/customers/cus_1"
    assert server.last.headers["authorization"] == "Bearer tb_test_env"
    assert client.options.webhook_secret == "whsec_env"
    with pytest.raises(ConfigurationError):  # an empty key is a mistake, not an absence
        Tallybook("")


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (None, "http://127.0.0.1:8787/api/v1/customers/cus_1"),
        ("http://h", "http://h/api/v1/customers/cus_1"),
        ("http://h/", "http://h/api/v1/customers/cus_1"),
        ("https://h:8443/bill//", "https://h:8443/bill/api/v1/customers/cus_1"),
        ("https://h/bill/api/v1/", "https://h/bill/api/v1/customers/cus_1"),
        ("http://[::1]:8787", "http://[::1]:8787/api/v1/customers/cus_1"),
    ],
)
def test_the_address_is_an_origin_or_a_prefix(
    form: Blocking, base_url: str | None, url: str
) -> None:
    server = StandIn()
    form.do(form.client(server, base_url=base_url).customers.get("cus_1"))
    assert str(server.last.url) == url


@pytest.mark.parametrize(
    "base_url",
    ["", "h", "ftp://h", "http://", "http://h:99999", "http://h?a=b", "http://h#f", "http://[h"],
)
def test_an_address_that_is_none_is_refused(base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        Tallybook(KEY, base_url=base_url)


def test_an_address_with_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Tallybook(KEY, base_url="http://user:secret@h")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": "3"},
        {"timeout": float("nan")},
        {"max_retries": -1},
        {"max_retries": 1.5},
        {"max_retries": True},
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Tallybook(KEY, **options)
    with Tallybook(KEY) as client, pytest.raises(ConfigurationError):
        client.with_options(**options)


def test_each_client_takes_an_http_client_of_its_own_form() -> None:
    with httpx2.Client() as http, pytest.raises(ConfigurationError, match="AsyncClient"):
        AsyncTallybook(KEY, http_client=http)  # type: ignore[arg-type]


def test_every_call_says_who_calls(form: Blocking) -> None:
    server = StandIn()
    client = form.client(
        server, project_id="prj_1", default_headers={"X-A": "client", "X-B": "client"}
    )
    form.do(client.customers.get("cus_1", extra_headers={"X-B": "call"}))
    headers = server.last.headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["user-agent"] == f"tallybook-python/{VERSION}"
    assert headers["x-project-id"] == "prj_1"
    assert (headers["x-a"], headers["x-b"], headers["x-retry-count"]) == ("client", "call", "0")
    form.do(form.client(server).customers.get("cus_1"))
    assert "x-project-id" not in server.last.headers


def timeouts(request: httpx2.Request) -> tuple[Any, Any]:
    told = request.extensions["timeout"]
    return told["connect"], told["read"]


def test_timeouts_are_the_clients_or_the_calls(form: Blocking) -> None:
    server = StandIn()
    client = form.client(server)
    for options, expect in [
        ({}, (5.0, 15.0)),
        ({"timeout": 30}, (5.0, 30)),
        ({"timeout": 2.0}, (2.0, 2.0)),
        ({"timeout": None}, (None, None)),
        ({"timeout": Timeout(9.0, connect=1.0)}, (1.0, 9.0)),
    ]:
        form.do(client.customers.get("cus_1", **options))
        assert timeouts(server.last) == expect
        form.do(client.with_options(**options).customers.get("cus_1"))
        assert timeouts(server.last) == expect


def test_with_options_changes_a_copy_on_the_same_connections(form: Blocking) -> None:
    client = form.client(StandIn(), project_id="prj_1")
    other = client.with_options(max_retries=0, project_id=None)
    assert (client.options.max_retries, client.options.project_id) == (3, "prj_1")
    assert (other.options.max_retries, other.options.project_id) == (0, None)
    assert other.options.api_key == client.options.api_key
    assert other.transport.http is client.transport.http
    assert other.customers is not client.customers
    assert client.customers is client.customers


def test_a_client_closes_its_own_connections_only(form: Blocking) -> None:
    lent = form.client(StandIn())
    form.do(lent.close())
    assert not lent.transport.http.is_closed
    own = type(lent)(KEY)
    form.do(own.with_options(max_retries=0).close())
    assert not own.transport.http.is_closed
    form.do(own.close())
    form.do(own.close())
    assert own.transport.http.is_closed


def test_clients_are_context_managers(form: Blocking) -> None:
    with Tallybook(KEY) as client:
        pass
    assert client.transport.http.is_closed

    async def use() -> AsyncTallybook:
        async with AsyncTallybook(KEY) as entered:
            pass
        await entered.aclose()
        return entered

    if form.name == "async":
        assert form.do(use()).transport.http.is_closed


def test_a_disabled_client_makes_no_calls(form: Blocking) -> None:
    server = StandIn()
    client = form.client(server, disabled=True)
    for call in (
        lambda: client.customers.get("cus_1"),
        lambda: client.customers.create(name="A"),
        client.customers.list,
        lambda: client.customers.with_raw_response.get("cus_1"),
    ):
        with pytest.raises(ClientDisabledError, match="disabled"):
            form.do(call())
    assert server.requests == []


def test_debug_tells_each_try_without_key_query_or_body(
    form: Blocking, caplog: pytest.LogCaptureFixture
) -> None:
    server = StandIn(httpx2.ConnectError("x"), problem(500), problem(404))
    client = form.client(server, debug=True)
    with caplog.at_level(logging.DEBUG, "tallybook"), pytest.raises(APIError):
        form.do(client.customers.list(search="top secret"))
    mine = [record for record in caplog.records if record.name == "tallybook"]
    assert [record.levelname for record in mine] == ["DEBUG"] * 3
    lines = [record.getMessage() for record in mine]
    assert lines[0].startswith("GET /customers: ConnectError after")
    assert lines[1].startswith("GET /customers: 500 in")
    assert lines[2].endswith("ms (request req_1)")
    assert not any(word in line for line in lines for word in (KEY, "secret", "wrong"))


def test_without_debug_nothing_is_told(form: Blocking, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "tallybook"):
        form.do(form.client(StandIn()).customers.get("cus_1"))
    assert [record for record in caplog.records if record.name == "tallybook"] == []


def test_no_key_in_what_is_printed() -> None:
    with Tallybook("tb_live_s3cr3t", webhook_secret="whsec_s3cr3t") as client:
        for shown in (repr(client), repr(client.options), repr(client.customers)):
            assert "s3cr3t" not in shown
