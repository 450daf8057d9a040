"""The client against the real application, in process: the two agree on every name."""

import pytest
from starlette.testclient import TestClient

from tallybook import (
    AuthenticationError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    Tallybook,
    UnprocessableEntityError,
)
from tests.conftest import Home


@pytest.fixture
def client(api: TestClient, home: Home) -> Tallybook:
    return Tallybook(home.live_key, base_url="http://testserver", http_client=api, max_retries=0)


def test_a_customers_life(client: Tallybook) -> None:
    made = client.customers.create(
        name="Acme",
        external_id="acme/eu 1",
        email="a@acme.example",
        taxes=[{"name": "VAT", "rate": 0.05}],
        metadata={"ratio": 0.1, "keep": 1},
    )
    assert made.id.startswith("cus_")
    assert made.request_id
    assert not made.idempotent
    assert client.customers.get(made.id) == made
    assert client.customers.get(external_id="acme/eu 1") == made
    again = client.customers.create(name="Acme", external_id="acme/eu 1")
    assert (again.id, again.idempotent) == (made.id, True)
    changed = client.customers.update(made.id, email=None, metadata={"keep": None})
    assert (changed.email, changed.name, changed.metadata) == (None, "Acme", {"ratio": 0.1})
    assert [item.id for item in client.customers.list(search="acme", status="active")] == [made.id]
    assert client.customers.list(include_total=True).total_count == 1


def test_upsert_makes_once_and_then_changes(client: Tallybook) -> None:
    made = client.customers.upsert("acme", name="Acme", email="a@acme.example")
    changed = client.customers.upsert("acme", name="Acme Corp")
    assert changed.id == made.id
    assert changed.name == "Acme Corp"


def test_a_list_walks_over_its_pages(client: Tallybook) -> None:
    names = [f"C{number}" for number in range(5)]
    for name in names:
        client.customers.create(name=name)
    walked = client.customers.list(limit=2, order="asc")
    assert [item.name for item in walked] == names
    assert len(walked.data) == 2


def test_a_key_repeats_nothing(client: Tallybook) -> None:
    first = client.customers.create(name="A", idempotency_key="k1")
    again = client.customers.create(name="A", idempotency_key="k1")
    assert again == first
    assert (first.idempotent, again.idempotent) == (False, True)


def test_refusals_are_typed(client: Tallybook) -> None:
    with pytest.raises(NotFoundError) as missing:
        client.customers.get("cus_none")
    assert missing.value.code == "customer_not_found"
    with pytest.raises(UnprocessableEntityError) as wrong:
        client.customers.create(name="")
    assert [error.pointer for error in wrong.value.errors] == ["/name"]
    client.customers.create(name="A", external_id="a")
    with pytest.raises(ConflictError) as taken:
        client.customers.create(name="B", external_id="a")
    assert taken.value.code == "external_id_taken"
    with pytest.raises(PermissionDeniedError) as other:
        client.with_options(project_id="prj_other").customers.list()
    assert other.value.code == "project_mismatch"
    with pytest.raises(AuthenticationError) as unknown:
        client.customers.list(extra_headers={"Authorization": "Bearer tb_live_wrong"})
    assert unknown.value.code == "invalid_api_key"
