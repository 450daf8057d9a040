"""What each verb of customers sends, and what it gives."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from tallybook import NOT_GIVEN, AsyncCustomer, Customer
from tallybook.wire import customers as wire

from .stand_in import Blocking, StandIn, customer


def test_a_new_customer_has_the_fields_that_were_given_and_no_others(form: Blocking) -> None:
    server = StandIn(customer(taxes=[{"name": "VAT", "rate": "0.05"}], future_field=1))
    client = form.client(server)
    got = form.do(
        client.customers.create(
            name="Acme",
            external_id="acme",
            email=None,
            taxes=[{"name": "VAT", "rate": 0.05}],
            metadata={"ratio": 0.5, "n": Decimal("1.50")},
        )
    )
    assert server.line == "POST /customers"
    assert server.body == {
        "name": "Acme",
        "external_id": "acme",
        "email": None,
        "taxes": [{"name": "VAT", "rate": "0.05"}],
        "metadata": {"ratio": 0.5, "n": "1.50"},
    }
    assert isinstance(got, wire.Customer)
    assert isinstance(got, Customer if form.name == "sync" else AsyncCustomer)
    assert (got.id, got.created_at) == ("cus_1", datetime(2026, 1, 31, 12, tzinfo=UTC))
    assert got.taxes[0].rate == Decimal("0.05")
    assert got.future_field == 1


def test_values_that_this_sdk_does_not_know_are_read(form: Blocking) -> None:
    server = StandIn(customer(type="collective", status="dormant"))
    got = form.do(form.client(server).customers.get("cus_1"))
    assert (got.type, got.status) == ("collective", "dormant")


@pytest.mark.parametrize(
    ("args", "kwargs", "line"),
    [
        (("cus_1",), {}, "GET /customers/cus_1"),
        ((), {"external_id": "acme"}, "GET /customers/external/acme"),
        ((), {"external_id": "a/b ?#é"}, "GET /customers/external/a%2Fb%20%3F%23%C3%A9"),
        (("..",), {}, "GET /customers/%2E%2E"),
    ],
)
def test_a_customer_is_got_by_either_name(
    form: Blocking, args: tuple[str, ...], kwargs: dict[str, str], line: str
) -> None:
    server = StandIn()
    form.do(form.client(server).customers.get(*args, **kwargs))
    assert server.line == line
    assert server.last.content == b""


@pytest.mark.parametrize("verb", ["get", "update", "delete"])
@pytest.mark.parametrize("kwargs", [{}, {"external_id": None}])
def test_a_customer_without_a_name_is_refused_before_anything_is_sent(
    form: Blocking, verb: str, kwargs: dict[str, Any]
) -> None:
    server = StandIn()
    client = form.client(server)
    with pytest.raises(TypeError, match="exactly one of id and external_id"):
        form.do(getattr(client.customers, verb)(**kwargs))
    with pytest.raises(ValueError, match="must not be empty"):
        form.do(getattr(client.customers, verb)(""))
    assert server.requests == []


def test_both_names_at_once_are_refused(form: Blocking) -> None:
    client = form.client(StandIn())
    with pytest.raises(TypeError, match="exactly one"):
        form.do(client.customers.get("cus_1", external_id="acme"))
    with pytest.raises(TypeError, match="exactly one"):
        form.do(client.customers.delete("cus_1", external_id="acme"))


def test_update_leaves_what_is_not_given_and_clears_none(form: Blocking) -> None:
    server = StandIn()
    client = form.client(server)
    form.do(client.customers.update("cus_1", email=None, phone=NOT_GIVEN, metadata={"a": None}))
    assert server.line == "PATCH /customers/cus_1"
    assert server.body == {"email": None, "metadata": {"a": None}}


def test_an_external_id_is_the_new_one_beside_an_id_and_else_the_address(form: Blocking) -> None:
    server = StandIn()
    client = form.client(server)
    form.do(client.customers.update("cus_1", external_id=None))
    assert (server.line, server.body) == ("PATCH /customers/cus_1", {"external_id": None})
    form.do(client.customers.update("cus_1", external_id="new"))
    assert server.body == {"external_id": "new"}
    form.do(client.customers.update(external_id="acme", name="B"))
    assert (server.line, server.body) == ("PATCH /customers/external/acme", {"name": "B"})


def test_delete_gives_nothing(form: Blocking) -> None:
    server = StandIn(httpx2.Response(204))
    assert form.do(form.client(server).customers.delete("cus_1")) is None
    assert server.line == "DELETE /customers/cus_1"
    form.do(form.client(server).customers.delete(external_id="acme"))
    assert server.line == "DELETE /customers/external/acme"


def test_upsert_puts_at_the_external_id(form: Blocking) -> None:
    server = StandIn()
    form.do(form.client(server).customers.upsert("acme", name="Acme", status="inactive"))
    assert server.line == "PUT /customers/external/acme"
    assert server.body == {"name": "Acme", "status": "inactive"}
    assert "idempotency-key" in server.last.headers


def test_list_sends_filters_and_paging(form: Blocking) -> None:
    server = StandIn(httpx2.Response(200, json={"data": [], "has_more": False, "limit": 10}))
    client = form.client(server)
    verb = client.customers.list(
        status="active", search="ac me", limit=10, order="asc", include_total=True, cursor=None
    )
    form.do(verb)
    assert server.line == (
        "GET /customers?status=active&search=ac+me&limit=10&order=asc&include_total=true"
    )
    assert "idempotency-key" not in server.last.headers


def test_an_option_that_no_call_has_is_refused(form: Blocking) -> None:
    client = form.client(StandIn())
    with pytest.raises(TypeError, match="unexpected keyword argument 'timout'"):
        form.do(client.customers.get("cus_1", timout=3))
    with pytest.raises(TypeError, match="unexpected keyword argument 'limt'"):
        form.do(client.customers.list(limt=3))


@pytest.mark.parametrize("field", ["name", "type", "status", "metadata"])
def test_what_cannot_be_cleared_refuses_null(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        wire.CustomerUpdate.model_validate({field: None})


@pytest.mark.parametrize("field", ["email", "phone", "external_id", "currency", "taxes"])
def test_what_can_be_cleared_takes_null(field: str) -> None:
    update = wire.CustomerUpdate.model_validate({field: None})
    assert update.model_dump(exclude_unset=True) == {field: None}
