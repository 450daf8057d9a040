"""No project reads or changes another's, and no key does more than it may, on any route.

The routes are those of the OpenAPI document: one that is new and missing from the examples in
`victim.py` fails here.
"""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.conftest import NOW, Home, open_project

from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Scope
from tallybook.server.storage import Database

from .victim import CANARY, QUERIES, bodies, fill

PREFIX = "/api/v1"
OPEN = {"health.get"}
OPERATORS = {"projects", "api_keys"}
OPERATORS_ONLY = {"markets.create"}
SIGNED = {"stripe.webhook", "providers.stripe_webhook", "payments.stripe_webhook"}
INGESTS = {
    "usage.create",
    "usage.create_batch",
    "cloudevents.create",
    "costs.create",
    "otlp.traces",
    "costs.create_batch",
}
LOOKS = {"access.check", "pricing.estimate", "invoices.preview"}
"""POST, but a key that only reads may: they write nothing (a check unless it records)."""
OWN = {"customers.upsert", *INGESTS} - {"usage.create", "costs.create"}
"""Another project's key, given here, means an object of one's own."""


@dataclass(frozen=True)
class Route:
    operation: str
    method: str
    path: str
    queries: tuple[str, ...]
    names: tuple[str, ...]
    has_body: bool
    must_fill: bool

    def url(self, ids: dict[str, str]) -> str:
        assert set(self.names) <= set(ids), f"{self.operation}: tell victim.py what they are"
        query = "&".join(f"{name}={QUERIES[name]}" for name in self.queries)
        return self.path.format(**ids) + (f"?{query}" if query else "")

    @property
    def is_operators(self) -> bool:
        return self.operation.split(".")[0] in OPERATORS or self.operation in OPERATORS_ONLY


def routes_of(api: TestClient) -> list[Route]:
    document = api.get("/openapi.json").json()
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parameters = operation.get("parameters", [])
            found.append(
                Route(
                    operation["operationId"],
                    method.upper(),
                    path.removeprefix(PREFIX),
                    tuple(p["name"] for p in parameters if p["in"] == "query" and p["required"]),
                    tuple(p["name"] for p in parameters if p["in"] == "path"),
                    "requestBody" in operation,
                    _must_fill(document, operation),
                )
            )
    assert len(found) > 100
    return found


def _must_fill(document: Any, operation: Any) -> bool:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        name = content["schema"].get("$ref", "/").rsplit("/", 1)[1]
        return bool(document["components"]["schemas"].get(name, {}).get("required"))
    return False


class Two:
    """Two projects in one database: the caller's, and one that holds something of everything."""

    def __init__(self, api: TestClient, db: Database, home: Home) -> None:
        self.api, self.db, self.home = api, db, home
        self.other = open_project(db, "Other")
        self.other_key = {"Authorization": f"Bearer {self.other.live_key}"}
        with TestClient(api.app, base_url=str(api.base_url), headers=self.other_key) as theirs:
            self.ids = {**fill(theirs), "key_id": "key_none"}
        self.routes = [r for r in routes_of(api) if r.operation not in OPEN | SIGNED]

    def send(self, route: Route, **headers: str) -> Any:
        sent: dict[str, str] = {"Idempotency-Key": f"mine-{route.operation}", **headers}
        url = route.url(self.ids)
        if not route.has_body:
            return self.api.request(route.method, url, headers=sent)
        known = bodies(self.ids)
        is_known = route.operation in known or not route.must_fill or route.is_operators
        assert is_known, f"tell victim.py a body of {route.operation}"
        return self.api.request(
            route.method, url, json=known.get(route.operation, {}), headers=sent
        )

    def theirs(self) -> dict[str, Any]:
        """All that the other project's routes show to itself."""
        shown = {}
        for route in self.routes:
            if route.method == "GET" and not route.is_operators:
                answer = self.send(route, **self.other_key)
                shown[route.operation] = (answer.status_code, answer.text)
        return shown

    def key(self, scope: Scope) -> dict[str, str]:
        made = self.db.write_now(
            lambda tx: identity.create_key(tx, self.home.live, scope=scope, at=NOW)
        )
        return {"Authorization": f"Bearer {made[1]}"}


@pytest.fixture
def two(api: TestClient, db: Database, home: Home) -> Two:
    return Two(api, db, home)


def test_a_project_cannot_reach_what_another_has(two: Two) -> None:
    first, before = two.theirs(), two.theirs()
    wrong = []
    for route in sorted(two.routes, key=lambda route: route.operation in OWN):
        answer = two.send(route)
        foreign = set(route.names) - {"currency"} or two.ids["customer_id"] in json.dumps(
            bodies(two.ids).get(route.operation)
        )
        if route.is_operators:
            expected = answer.status_code == 403
        elif foreign and route.operation not in OWN:
            expected = answer.status_code == 404
        else:
            expected = answer.status_code < 500
        leaked = CANARY in answer.text.replace(f"{CANARY}-customer", "")
        if not expected or leaked:
            wrong.append((route.operation, answer.status_code, answer.text[:200]))
    assert not wrong, "\n".join(map(str, wrong))
    after = two.theirs()
    still = [name for name, shown in before.items() if shown == first[name]]  # tells no time
    assert len(still) > 30
    assert {name: after[name] for name in still} == {name: before[name] for name in still}


def test_a_missing_id_and_anothers_id_look_the_same(two: Two) -> None:
    for route in two.routes:
        names = set(route.names) & set(two.ids) - {"currency", "customer_external_id", "key_id"}
        if not names or route.operation in OWN:
            continue
        foreign = two.send(route).json()
        real, two.ids = (
            two.ids,
            {
                name: value[:-6] + "000000" if name in names else value
                for name, value in two.ids.items()
            },
        )
        missing = two.send(route).json()
        two.ids = real
        assert (foreign["code"], foreign["title"]) == (missing["code"], missing["title"]), route
        assert sorted(foreign) == sorted(missing), route


def test_without_a_key_nothing_answers(two: Two) -> None:
    revoked = two.key(Scope.FULL)
    found = two.db.read(lambda tx: identity.list_keys(tx, two.home.project_id))
    two.db.write_now(lambda tx: identity.revoke_key(tx, found[-1].id, at=NOW))
    for route in two.routes:
        for header in ("", "Bearer tb_live_nothing", f"Basic {two.home.live_key}"):
            answer = two.send(route, Authorization=header)
            assert answer.status_code == 401, (route, answer.text)
        answer = two.send(route, **revoked)
        assert answer.status_code == 401, (route, answer.text)
        assert answer.json()["code"] == "api_key_revoked"


def test_a_key_does_only_what_its_scope_says(two: Two) -> None:
    reads, ingests = two.key(Scope.READ), two.key(Scope.INGEST)
    for route in two.routes:
        if route.is_operators:
            continue
        for key, may in (
            (reads, route.method == "GET" or route.operation in LOOKS),
            (ingests, route.operation in INGESTS),
        ):
            answer = two.send(route, **key)
            refused = answer.status_code == 403 and answer.json()["code"] == "scope_missing"
            assert refused is not may, (route, answer.text)


def test_a_project_that_is_named_must_be_the_keys(two: Two) -> None:
    for route in two.routes:
        if route.is_operators:
            continue
        joined = "&" if route.queries else "?"
        url = f"{route.url(two.ids)}{joined}project_id={two.other.project_id}"
        answer = two.api.request(route.method, url, json={})
        assert answer.status_code in (403, 422), (route, answer.text)
        assert answer.status_code == 422 or answer.json()["code"] == "project_mismatch"
