"""Customers over HTTP, on both databases."""

from starlette.testclient import TestClient

ACME = {"name": "Acme", "external_id": "acme-1", "email": "a@acme.example"}


def test_a_customer_is_created_found_and_changed(api: TestClient) -> None:
    created = api.post("/customers", json=ACME)
    assert created.status_code == 201, created.text
    body = created.json()
    assert body["id"].startswith("cus_")
    assert body["type"] == "company"
    assert api.get(f"/customers/{body['id']}").json() == body
    assert api.get("/customers/external/acme-1").json() == body
    patched = api.patch(
        "/customers/external/acme-1", json={"email": None, "metadata": {"tier": 1.5}}
    )
    assert patched.json()["email"] is None
    assert patched.json()["metadata"] == {"tier": 1.5}


def test_creating_again_with_the_same_fields_gives_the_same_customer(api: TestClient) -> None:
    first = api.post("/customers", json=ACME)
    again = api.post("/customers", json=ACME)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    other = api.post("/customers", json={**ACME, "name": "Other"})
    assert other.status_code == 409
    assert other.json()["code"] == "external_id_taken"
    assert other.json()["existing_id"] == first.json()["id"]


def test_an_idempotency_key_replays_the_same_bytes(api: TestClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = api.post("/customers", json={"name": "A"}, headers=headers)
    again = api.post("/customers", json={"name": "A"}, headers=headers)
    assert again.content == first.content
    assert again.status_code == first.status_code == 201
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    other = api.post("/customers", json={"name": "B"}, headers=headers)
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"
    assert len(api.get("/customers").json()["data"]) == 1


def test_a_refusal_is_not_kept_under_its_key(api: TestClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    api.post("/customers", json=ACME)
    assert api.post("/customers", json={**ACME, "name": "X"}, headers=headers).status_code == 409
    api.patch("/customers/external/acme-1", json={"external_id": None})
    assert api.post("/customers", json={**ACME, "name": "X"}, headers=headers).status_code == 201


def test_wrong_fields_are_named_and_nothing_is_written(api: TestClient) -> None:
    answer = api.post("/customers", json={"name": "", "typo": 1, "currency": "usd"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    pointers = {e["pointer"]: e["code"] for e in answer.json()["errors"]}
    assert pointers == {"/name": "invalid", "/typo": "unknown_field", "/currency": "invalid"}
    for body, code in (
        (b'{"name": NaN}', "malformed_json"),
        (b'{"name"', "malformed_json"),
        (b'{"name": "a", "name": "b"}', "malformed_json"),
        (b"[" * 100_000, "malformed_json"),
        (b'{"name": "\xff"}', "malformed_json"),
    ):
        bad = api.post("/customers", content=body, headers={"content-type": "application/json"})
        assert bad.status_code == 400, bad.text
        assert bad.json()["code"] == code
    for name in ("a\x00b", "\ud800"):
        escaped = name.encode("unicode_escape").decode().replace("\\x00", "\\u0000")
        content = f'{{"name": "{escaped}"}}'
        bad = api.post(
            "/customers", content=content.encode(), headers={"content-type": "application/json"}
        )
        assert bad.status_code == 422, bad.text
    large = api.post("/customers", content=b" " * (1 << 20) + b"{}")
    assert large.status_code == 413
    assert large.json()["code"] == "body_too_large"
    assert api.get("/customers").json()["data"] == []


def test_no_key_a_wrong_key_and_another_project_are_refused(api: TestClient) -> None:
    for header in ({"Authorization": ""}, {"Authorization": "Bearer tb_live_x"}):
        answer = api.get("/customers", headers=header)
        assert answer.status_code == 401
        assert answer.json()["code"] == "invalid_api_key"
    answer = api.get("/customers", headers={"X-Project-Id": "prj_other"})
    assert answer.status_code == 403
    assert answer.json()["code"] == "project_mismatch"


def test_lists_walk_by_cursor_and_by_page(api: TestClient) -> None:
    for number in range(7):
        api.post("/customers", json={"name": f"c{number}"})
    names, cursor = [], None
    while True:
        params = {"limit": 3, "sort": "name", "order": "asc"} | (
            {"cursor": cursor} if cursor else {}
        )
        page = api.get("/customers", params=params).json()
        names += [c["name"] for c in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert names == [f"c{n}" for n in range(7)]
    page = api.get("/customers", params={"page": 2, "limit": 5, "order": "asc"}).json()
    assert [c["name"] for c in page["data"]] == ["c5", "c6"]
    assert page["total_count"] == 7
    page = api.get("/customers", params={"search": "C3"}).json()
    assert [c["name"] for c in page["data"]] == ["c3"]
    assert api.get("/customers", params={"search": "%"}).json()["data"] == []
    for params, status in (
        ({"sort": "password"}, 422),
        ({"limit": 0}, 422),
        ({"limit": 101}, 422),
        ({"cursor": "AAAA"}, 400),
        ({"page": 1001, "limit": 10}, 422),
    ):
        assert api.get("/customers", params=params).status_code == status


def test_a_missing_customer_is_404(api: TestClient) -> None:
    answer = api.get("/customers/cus_nope")
    assert answer.status_code == 404
    assert answer.json()["code"] == "customer_not_found"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_the_document_is_served_without_a_key(api: TestClient) -> None:
    answer = api.get("/openapi.json", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.json()["openapi"] == "3.1.0"
    for page in ("/docs", "/redoc", "/docs-assets/swagger-ui.css"):
        assert api.get(page).status_code == 200
