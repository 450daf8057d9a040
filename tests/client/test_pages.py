"""Lists: one page, all pages, all items."""

from typing import Any

import httpx2
import pytest

from tallybook import AsyncPage, NotFoundError, Page

from .stand_in import CUSTOMER, Blocking, StandIn, problem


def three_pages(request: httpx2.Request) -> httpx2.Response:
    number = int(request.url.params.get("cursor", "1"))
    return httpx2.Response(
        200,
        json={
            "data": [{**CUSTOMER, "id": f"cus_{number}{letter}"} for letter in "ab"],
            "has_more": number < 3,
            "next_cursor": str(number + 1) if number < 3 else None,
            "limit": 2,
            "total_count": 6,
            "unavailable": [],
        },
        headers={"X-Request-Id": f"req_{number}"},
    )


def by_number(request: httpx2.Request) -> httpx2.Response:
    number = int(request.url.params["page"])
    return httpx2.Response(
        200,
        json={
            "data": [{**CUSTOMER, "id": f"cus_{number}"}],
            "has_more": number < 3,
            "limit": 1,
            "page": number,
            "total_count": 3,
        },
    )


ALL = ["cus_1a", "cus_1b", "cus_2a", "cus_2b", "cus_3a", "cus_3b"]


def test_a_page_holds_its_own_items_and_numbers(form: Blocking) -> None:
    page = form.do(form.client(StandIn(three_pages)).customers.list(limit=2))
    assert isinstance(page, Page if form.name == "sync" else AsyncPage)
    assert [item.id for item in page.data] == ALL[:2]
    assert (page.has_more, page.next_cursor, page.limit) == (True, "2", 2)
    assert (page.page, page.total_count, page.request_id) == (None, 6, "req_1")
    assert page.extra == {"unavailable": []}
    assert page.data[0].request_id == "req_1"


def test_iterating_a_page_goes_through_all_pages(form: Blocking) -> None:
    server = StandIn(three_pages)
    client = form.client(server)
    page = form.do(client.customers.list(status="active", limit=2, extra_headers={"X-Mine": "1"}))
    assert [item.id for item in form.collect(page)] == ALL
    assert [str(r.url.params) for r in server.requests] == [
        "status=active&limit=2",
        "status=active&limit=2&cursor=2",
        "status=active&limit=2&cursor=3",
    ]
    assert {r.headers["x-mine"] for r in server.requests} == {"1"}
    assert [item.id for item in form.collect(page)] == ALL  # again, from the same page


def test_a_list_iterates_without_its_first_page_being_asked_for(form: Blocking) -> None:
    client = form.client(StandIn(three_pages))
    assert [item.id for item in form.collect(client.customers.list())] == ALL


def test_pages_can_be_taken_one_by_one(form: Blocking) -> None:
    page = form.do(form.client(StandIn(three_pages)).customers.list())
    assert [p.next_cursor for p in form.collect(page.iter_pages())] == ["2", "3", None]
    second = form.do(page.next_page())
    third = form.do(second.next_page())
    assert third.data[0].id == "cus_3a"
    assert form.do(third.next_page()) is None


def test_page_numbers_go_up(form: Blocking) -> None:
    server = StandIn(by_number)
    page = form.do(form.client(server).customers.list(page=1, limit=1))
    assert page.total_count == 3
    assert [item.id for item in form.collect(page)] == ["cus_1", "cus_2", "cus_3"]
    assert str(server.last.url.params) == "page=3&limit=1"


@pytest.mark.parametrize("more", [{}, {"next_cursor": None, "page": None}])
def test_more_without_a_way_there_is_the_end(form: Blocking, more: dict[str, Any]) -> None:
    body = {"data": [CUSTOMER], "has_more": True, "limit": 1, **more}
    server = StandIn(httpx2.Response(200, json=body))
    assert len(form.collect(form.client(server).customers.list())) == 1
    assert len(server.requests) == 1


def test_a_failure_on_the_way_is_raised(form: Blocking) -> None:
    server = StandIn(three_pages, problem(404))
    with pytest.raises(NotFoundError):
        form.collect(form.client(server).customers.list())
