"""What comes back knows where it came from; raw answers."""

import copy
import pickle

import httpx2
import pytest

from tallybook import APIResponse, NotFoundError, TallybookError

from .stand_in import CUSTOMER, Blocking, StandIn, customer, problem


def replayed(**fields: object) -> httpx2.Response:
    answer = customer(**fields)
    answer.headers["Idempotent-Replayed"] = "true"
    return answer


def test_an_object_tells_its_request_and_whether_it_was_replayed(form: Blocking) -> None:
    client = form.client(StandIn(customer(), replayed(), customer(idempotent=True)))
    first = form.do(client.customers.create(name="Acme"))
    again = form.do(client.customers.create(name="Acme"))
    told = form.do(client.customers.create(name="Acme"))
    assert (first.request_id, first.idempotent) == ("req_1", False)
    assert (again.request_id, again.idempotent) == ("req_1", True)
    assert told.idempotent is True


def test_objects_are_equal_by_their_data(form: Blocking) -> None:
    client = form.client(StandIn(customer(), replayed(), customer(name="B")))
    first, again, other = (form.do(client.customers.get("cus_1")) for _ in range(3))
    assert first == again
    assert first != other
    assert "request" not in repr(first)
    assert "request_id" not in first.model_dump()


def test_copies_stay_bound_and_pickles_do_not(form: Blocking) -> None:
    client = form.client(StandIn())
    got = form.do(client.customers.get("cus_1"))
    for twin in (copy.copy(got), copy.deepcopy(got), got.model_copy(update={"name": "B"})):
        assert twin._client is client
        assert twin.request_id == "req_1"
    far = pickle.loads(pickle.dumps(got))
    assert far == got
    assert far.request_id is None
    with pytest.raises(TallybookError, match="cannot make calls"):
        _ = far._client


def test_a_raw_answer_has_the_status_the_headers_and_the_object(form: Blocking) -> None:
    server = StandIn(httpx2.Response(201, json=CUSTOMER, headers={"X-Request-Id": "req_7"}))
    client = form.client(server)
    raw = form.do(
        client.customers.with_raw_response.create(name="Acme", extra_headers={"X-A": "b"})
    )
    assert isinstance(raw, APIResponse)
    assert (raw.status_code, raw.headers["x-request-id"], raw.request_id) == (
        201,
        "req_7",
        "req_7",
    )
    assert raw.parse() == form.do(client.customers.get("cus_1"))
    assert raw.parse().request_id == "req_7"
    assert server.requests[0].headers["x-a"] == "b"
    assert "x-tallybook-raw-response" not in server.requests[0].headers


def test_a_raw_list_parses_to_a_page_that_goes_on(form: Blocking) -> None:
    first = {"data": [CUSTOMER], "has_more": True, "next_cursor": "2", "limit": 1}
    last = {"data": [CUSTOMER], "has_more": False, "limit": 1}
    server = StandIn(httpx2.Response(200, json=first), httpx2.Response(200, json=last))
    raw = form.do(form.client(server).customers.with_raw_response.list(limit=1))
    assert [item.id for item in form.collect(raw.parse())] == ["cus_1", "cus_1"]


def test_a_raw_delete_parses_to_nothing(form: Blocking) -> None:
    raw = form.do(
        form.client(StandIn(httpx2.Response(204))).customers.with_raw_response.delete("cus_1")
    )
    assert (raw.status_code, raw.parse()) == (204, None)


def test_raw_calls_raise_errors_too(form: Blocking) -> None:
    client = form.client(StandIn(problem(404)))
    with pytest.raises(NotFoundError):
        form.do(client.customers.with_raw_response.get("cus_1"))
