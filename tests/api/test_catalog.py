"""Markets, plans, prices and charges over HTTP, on both databases."""

from typing import Any

import pytest
from starlette.testclient import TestClient

PRO = {"name": "Pro", "key": "pro"}
MONTHLY = {"market": "global", "billing_period": "monthly", "base_price": "99"}
TIERS = [
    {"order": 1, "start_unit": 0, "end_unit": 100, "unit_price": "10"},
    {"order": 2, "start_unit": 101, "end_unit": 1000, "unit_price": "5"},
    {"order": 3, "start_unit": 1001, "unit_price": "2"},
]


def post(api: TestClient, path: str, **body: Any) -> dict[str, Any]:
    answer = api.post(path, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    problem: dict[str, Any] = answer.json()
    return problem


def market(api: TestClient, home: Any, key: str, currency: str) -> None:
    body = {"project_id": home.project_id, "key": key, "name": key, "currency": currency}
    headers = {"Authorization": "Bearer tb_op_for_tests"}
    answer = api.post("/markets", json=body, headers=headers)
    assert answer.status_code == 201, answer.text


def meter(api: TestClient, key: str = "api_calls", **more: Any) -> dict[str, Any]:
    return post(api, "/meters", **{"name": key, "key": key, "kind": "billable", **more})


def test_markets_and_balances_are_listed_and_made_by_operators(api: TestClient, home: Any) -> None:
    (first,) = api.get("/markets").json()["data"]
    assert (first["key"], first["currency"], first["is_default"]) == ("global", "USD", True)
    body = {"project_id": home.project_id, "key": "ksa", "name": "KSA", "currency": "SAR"}
    refused(api.post("/markets", json=body), 403, "session_required")
    market(api, home, "ksa", "SAR")
    assert [m["key"] for m in api.get("/markets?order=asc").json()["data"]] == ["global", "ksa"]
    balances = api.get("/balances?sort=currency&order=asc").json()["data"]
    assert [(b["currency"], b["minor_units"], b["wallet_count"]) for b in balances] == [
        ("SAR", 2, 0),
        ("USD", 2, 0),
    ]
    assert balances[1]["wallet_total"] == "0.00"
    assert api.get(f"/markets?project_id={home.project_id}").status_code == 200
    refused(api.get("/markets?project_id=prj_other"), 403, "project_mismatch")


def test_a_plan_is_created_found_changed_and_archived(api: TestClient) -> None:
    fields = {
        **PRO,
        "description": "For teams",
        "plan_type": "usage_based",
        "billing_period": "yearly",
        "trial_available": True,
        "trial_days": 14,
        "features": ["sso", "sso", "audit"],
        "metadata": {"a": 1, "b": 2},
    }
    plan = post(api, "/plans", **fields)
    assert plan["id"].startswith("pln_")
    assert (plan["billing_period"], plan["currency"], plan["version"]) == ("annual", "USD", 1)
    assert plan["features"] == ["sso", "audit"]
    assert api.get("/plans/pro").json() == api.get(f"/plans/{plan['id']}").json() == plan
    changed = api.patch(
        "/plans/pro", json={"description": None, "trial_days": 30, "metadata": {"a": None}}
    ).json()
    assert (changed["description"], changed["trial_days"], changed["metadata"]) == (
        None,
        30,
        {"b": 2},
    )
    assert changed["version"] == 2
    assert changed["version_id"] != plan["version_id"]
    problem = refused(api.post("/plans", json=PRO), 409, "key_taken")
    assert problem["existing_id"] == plan["id"]
    assert api.delete("/plans/pro").status_code == 204
    assert api.get("/plans/pro").json()["status"] == "archived"
    assert api.get("/plans").json()["data"] == []
    assert len(api.get("/plans?status=archived").json()["data"]) == 1


def test_plans_are_listed_by_filter(api: TestClient) -> None:
    post(api, "/plans", name="Pro", key="pro", plan_type="hybrid")
    post(api, "/plans", name="Free", key="free", status="draft")
    post(api, "/plans", name="50% off_er", key="sale")

    def keys(query: str) -> list[str]:
        return [plan["key"] for plan in api.get(f"/plans?order=asc&{query}").json()["data"]]

    assert keys("") == ["pro", "free", "sale"]
    assert keys("sort=key") == ["free", "pro", "sale"]
    assert keys("status=draft") == ["free"]
    assert keys("plan_type=hybrid") == ["pro"]
    assert keys("search=R") == ["pro", "free", "sale"]
    assert keys("search=%25") == ["sale"]
    assert keys("search=f_e") == ["sale"]
    first = api.get("/plans?limit=2&include_total=true").json()
    assert (len(first["data"]), first["has_more"], first["total_count"]) == (2, True, 3)
    rest = api.get(f"/plans?limit=2&cursor={first['next_cursor']}").json()
    assert [plan["key"] for plan in rest["data"]] == ["pro"]
    assert not rest["has_more"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"key": "Pro"}, "/key"),
        ({"key": "pln_1"}, "/key"),
        ({"key": ""}, "/key"),
        ({"name": " "}, "/name"),
        ({"billing_period": "hourly"}, "/billing_period"),
        ({"trial_days": -1}, "/trial_days"),
        ({"features": ["a b"]}, "/features/0"),
        ({"currency": "usd"}, "/currency"),
        ({"status": None}, "/status"),
        ({"code": "x"}, "/code"),
    ],
)
def test_wrong_fields_of_a_plan_are_named(
    api: TestClient, fields: dict[str, Any], pointer: str
) -> None:
    answer = api.post("/plans", json={**PRO, **fields})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_an_addon_names_its_plan(api: TestClient) -> None:
    refused(api.post("/plans", json={**PRO, "category": "addon"}), 422, "parent_plan_required")
    answer = api.post("/plans", json={**PRO, "category": "addon", "parent_plan": "nope"})
    refused(answer, 404, "plan_not_found")
    plan = post(api, "/plans", **PRO)
    addon = post(api, "/plans", name="More", key="more", category="addon", parent_plan="pro")
    assert (addon["parent_plan"], addon["parent_plan_id"]) == ("pro", plan["id"])
    body = {"name": "x", "key": "x", "category": "addon", "parent_plan": "more"}
    assert api.post("/plans", json=body).status_code == 422
    body = {"name": "x", "key": "x", "parent_plan": "pro"}
    assert api.post("/plans", json=body).status_code == 422
    refused(api.delete("/plans/pro"), 409, "plan_in_use")


def test_prices_are_added_listed_and_changed(api: TestClient, home: Any) -> None:
    post(api, "/plans", **PRO)
    price = post(api, "/plans/pro/prices", **MONTHLY)
    assert price["id"].startswith("prc_")
    assert (price["market"], price["currency"], price["base_price"]) == ("global", "USD", "99")
    assert api.get("/plans/pro").json()["default_price_id"] == price["id"]
    refused(api.post("/plans/pro/prices", json=MONTHLY), 409, "price_exists")
    yearly = {**MONTHLY, "billing_period": "yearly"}
    assert post(api, "/plans/pro/prices", **yearly)["billing_period"] == "annual"
    refused(
        api.post("/plans/pro/prices", json={**MONTHLY, "market": "mars"}), 404, "market_not_found"
    )
    changed = api.patch(f"/plan-prices/{price['id']}", json={"base_price": 120})
    assert changed.json()["base_price"] == "120"
    path = f"/plans/pro/prices/{price['id']}"
    assert api.patch(path, json={"base_price": "119.5"}).json()["base_price"] == "119.5"
    assert api.get(path).json()["base_price"] == "119.5"
    assert len(api.get("/plans/pro/prices").json()["data"]) == 2
    assert api.patch(path, json={"base_price": "-1"}).status_code == 422
    other = {"Authorization": f"Bearer {home.test_key}"}
    refused(api.get("/plans/pro", headers=other), 404, "plan_not_found")
    body = {"base_price": "1"}
    answer = api.patch(f"/plan-prices/{price['id']}", json=body, headers=other)
    refused(answer, 404, "plan_price_not_found")


def test_meter_prices_are_copied_with_a_warning_across_currencies(
    api: TestClient, home: Any
) -> None:
    market(api, home, "ksa", "SAR")
    market(api, home, "eu", "USD")
    post(api, "/plans", **PRO)
    meter(api)
    source = post(api, "/plans/pro/prices", **MONTHLY)
    terms = {"meter": "api_calls", "pricing_model": "tiered", "tiers": TIERS}
    post(api, "/plans/pro/meter-prices", **terms)
    copy = {"base_price": "1", "billing_period": "monthly"}
    same = post(api, "/plans/pro/prices", market="eu", copy_meter_pricing_from=source["id"], **copy)
    assert same["warnings"] == []
    ksa = post(api, "/plans/pro/prices", market="ksa", copy_meter_pricing_from=source["id"], **copy)
    assert [warning["code"] for warning in ksa["warnings"]] == ["copied_across_currencies"]
    listed = api.get(f"/plans/pro/meter-prices?plan_price_id={ksa['id']}").json()["data"]
    assert [tier["unit_price"] for tier in listed[0]["tiers"]] == ["10", "5", "2"]
    assert len(api.get("/plans/pro/meter-prices").json()["data"]) == 3
    by_market = api.get("/plans/pro/meter-prices?market=ksa&billing_period=monthly").json()
    assert by_market["data"] == listed
    answer = api.post(
        "/plans/pro/prices",
        json={"market": "eu", "copy_meter_pricing_from": "prc_nope", **copy},
    )
    refused(answer, 404, "plan_price_not_found")


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"pricing_model": "per_unit"}, "price_shape_invalid"),
        ({"pricing_model": "per_unit", "unit_price": 1, "rate": 1}, "price_shape_invalid"),
        ({"pricing_model": "package", "package_size": 10}, "price_shape_invalid"),
        ({"pricing_model": "graduated"}, "price_shape_invalid"),
        ({"pricing_model": "graduated", "tiers": TIERS[:1] + TIERS[2:]}, "tiers_not_contiguous"),
        ({"pricing_model": "volume", "tiers": TIERS[1:]}, "tiers_not_contiguous"),
        (
            {
                "pricing_model": "per_unit",
                "unit_price": 1,
                "overage": "deny",
                "limit_type": "none",
            },
            "price_shape_invalid",
        ),
        ({"pricing_model": "free"}, "validation_failed"),
        ({"pricing_model": "per_unit", "unit_price": "-1"}, "validation_failed"),
        ({"pricing_model": "per_unit", "unit_price": "1e3"}, "validation_failed"),
        (
            {
                "pricing_model": "per_unit",
                "unit_price": 1,
                "market": "global",
                "plan_price_id": "x",
            },
            "validation_failed",
        ),
    ],
)
def test_prices_that_do_not_fit_are_refused(
    api: TestClient, terms: dict[str, Any], code: str
) -> None:
    post(api, "/plans", **PRO)
    meter(api)
    answer = api.post("/plans/pro/meter-prices", json={"meter": "api_calls", **terms})
    refused(answer, 422, code)
    assert answer.json()["errors"]
    assert api.get("/plans/pro/meter-prices").json()["data"] == []
    assert api.get("/plans/pro").json()["version"] == 1  # nothing was half done


def test_a_meter_price_is_made_changed_and_removed(api: TestClient) -> None:
    post(api, "/plans", **PRO)
    made_meter = meter(api)
    price = post(
        api,
        "/plans/pro/meter-prices",
        meter="api_calls",
        pricing_model="per_unit",
        unit_price=0.01,
        included_units=1000,
        overage="deny",
        metadata={"a": 1},
    )
    assert (price["unit_price"], price["included_units"]) == ("0.01", "1000")
    assert (price["limit_type"], price["event_quota_window"]) == ("event_quota", "billing_period")
    assert (price["meter_id"], price["meter_key"]) == (made_meter["id"], "api_calls")
    assert (price["market"], price["billing_period"]) == ("global", "monthly")
    assert api.get("/plans/pro").json()["default_price_id"] == price["plan_price_id"]
    path = f"/plans/pro/meter-prices/{price['id']}"
    assert api.get(path).json() == price
    again = {"meter": "api_calls", "pricing_model": "per_unit", "unit_price": 1}
    refused(api.post("/plans/pro/meter-prices", json=again), 409, "meter_already_priced")
    changed = api.patch(
        path, json={"pricing_model": "package", "package_size": 100, "package_price": "5"}
    ).json()
    assert (changed["unit_price"], changed["package_price"]) == (None, "5")
    assert changed["included_units"] == "1000"
    changed = api.patch(path, json={"metadata": {"b": 2}}).json()
    assert changed["metadata"] == {"a": 1, "b": 2}
    refused(api.patch(path, json={"unit_price": "1"}), 422, "price_shape_invalid")
    refused(api.get("/plans/nope/meter-prices"), 404, "plan_not_found")
    assert api.delete(path).status_code == 204
    refused(api.get(path), 404, "meter_price_not_found")
    refused(api.delete(path), 404, "meter_price_not_found")
    unknown = {"meter": "nope", "pricing_model": "per_unit", "unit_price": 1}
    refused(api.post("/plans/pro/meter-prices", json=unknown), 404, "meter_not_found")


def test_a_quota_window_needs_a_meter_that_adds_up(api: TestClient) -> None:
    post(api, "/plans", **PRO)
    meter(api, "seats", aggregation="max")
    meter(api, "tokens", kind="cost")
    terms = {"pricing_model": "per_unit", "unit_price": 1, "limit_type": "event_quota"}
    window = {**terms, "event_quota_window": "day"}
    answer = api.post("/plans/pro/meter-prices", json={"meter": "seats", **window})
    problem = refused(answer, 422, "price_shape_invalid")
    assert problem["errors"][0]["pointer"] == "/event_quota_window"
    answer = api.post("/plans/pro/meter-prices", json={"meter": "tokens", **terms})
    refused(answer, 422, "meter_does_not_fit")


def test_tiers_are_edited_one_by_one(api: TestClient) -> None:
    post(api, "/plans", **PRO)
    meter(api)
    price = post(
        api, "/plans/pro/meter-prices", meter="api_calls", pricing_model="tiered", tiers=TIERS
    )
    assert price["pricing_model"] == "graduated"
    base = f"/plans/pro/meter-prices/{price['id']}"

    def shown() -> list[tuple[Any, ...]]:
        tiers = api.get(base).json()["tiers"]
        return [(t["order"], t["start_unit"], t["end_unit"], t["unit_price"]) for t in tiers]

    fourth = post(api, f"{base}/tiers", order=4, start_unit=5001, unit_price="1")
    assert fourth["id"].startswith("tir_")
    assert (fourth["order"], fourth["end_unit"], fourth["flat_fee"]) == (4, None, "0")
    assert shown()[2:] == [(3, "1001", "5000", "2"), (4, "5001", None, "1")]
    path = f"{base}/tiers/{fourth['id']}"
    assert api.patch(path, json={"unit_price": "0.5"}).json()["unit_price"] == "0.5"
    second = api.get(base).json()["tiers"][1]["id"]
    refused(api.delete(f"{base}/tiers/{second}"), 422, "tiers_not_contiguous")
    refused(
        api.patch(f"{base}/tiers/{second}", json={"end_unit": 500}), 422, "tiers_not_contiguous"
    )
    assert shown()[1] == (2, "101", "1000", "5")
    moved = api.patch(f"{base}/tiers/{second}", json={"end_unit": 500, "rejoin": True})
    assert moved.status_code == 200
    assert shown()[2] == (3, "501", "5000", "2")
    middle = {"order": 3, "start_unit": 301, "end_unit": 600, "unit_price": "3"}
    refused(api.post(f"{base}/tiers", json=middle), 422, "tiers_not_contiguous")
    post(api, f"{base}/tiers", **middle, rejoin=True)
    assert shown() == [
        (1, "0", "100", "10"),
        (2, "101", "300", "5"),
        (3, "301", "600", "3"),
        (4, "601", "5000", "2"),
        (5, "5001", None, "0.5"),
    ]
    assert api.delete(f"{base}/tiers/{second}?rejoin=true").status_code == 204
    assert shown()[:2] == [(1, "0", "300", "10"), (2, "301", "600", "3")]
    refused(api.delete(f"{base}/tiers/{second}"), 404, "tier_not_found")


def test_charges_are_made_changed_and_removed(api: TestClient, home: Any) -> None:
    market(api, home, "ksa", "SAR")
    post(api, "/plans", **PRO)
    meter(api, "seats", aggregation="max")
    meter(api)
    fee = {"name": "Platform", "key": "platform", "charge_type": "recurring", "amount": 99}
    charge = post(api, "/plans/pro/charges", **fee)
    assert charge["id"].startswith("chg_")
    assert (charge["amount"], charge["currency"], charge["market"]) == ("99", "USD", None)
    refused(api.post("/plans/pro/charges", json=fee), 409, "key_taken")
    seats = post(
        api,
        "/plans/pro/charges",
        name="Seats",
        key="seats",
        charge_type="seat_based",
        amount="12.5",
        meter="seats",
        market="ksa",
    )
    assert (seats["meter"], seats["market"], seats["currency"]) == ("seats", "ksa", "SAR")
    for wrong in (
        {"charge_type": "seat_based"},
        {"charge_type": "seat_based", "meter": "api_calls"},
        {"charge_type": "usage_based"},
        {"charge_type": "one_time", "meter": "api_calls"},
    ):
        answer = api.post("/plans/pro/charges", json={**fee, "key": "x", **wrong})
        refused(answer, 422, "charge_invalid")
    short = {**fee, "key": "x", "billing_period": "weekly"}
    refused(api.post("/plans/pro/charges", json=short), 422, "charge_period_too_short")
    path = f"/plans/pro/charges/{charge['id']}"
    changed = api.patch(path, json={"amount": 149, "description": "x", "market": "ksa"}).json()
    assert (changed["amount"], changed["market"], changed["currency"]) == ("149", "ksa", "SAR")
    assert api.patch(path, json={"market": None}).json()["currency"] == "USD"
    refused(api.patch(path, json={"key": "seats"}), 409, "key_taken")
    page = api.get("/plans/pro/charges?order=asc").json()
    assert [c["key"] for c in page["data"]] == ["platform", "seats"]
    assert api.get(path).json()["description"] == "x"
    assert api.delete(path).status_code == 204
    refused(api.get(path), 404, "plan_charge_not_found")
    post(api, "/plans/pro/charges", **fee)


def test_catalogs_show_what_a_market_sells_and_name_the_rest(api: TestClient, home: Any) -> None:
    market(api, home, "ksa", "SAR")
    post(api, "/plans", **PRO)
    post(api, "/plans", name="Free", key="free")
    post(api, "/plans", name="Draft", key="draft", status="draft")
    meter(api)
    post(api, "/plans/pro/prices", **MONTHLY)
    post(
        api,
        "/plans/pro/meter-prices",
        meter="api_calls",
        pricing_model="per_unit",
        unit_price="0.01",
        included_units=100,
    )
    post(api, "/plans/pro/charges", name="F", key="f", charge_type="one_time", amount=5)
    catalog = api.get("/plans/pro/catalog?market=global&billing_period=monthly").json()
    assert catalog["plan"]["key"] == "pro"
    assert (catalog["market_price"]["base_price"], catalog["market_price"]["currency"]) == (
        "99",
        "USD",
    )
    assert [(m["meter_key"], m["included_units"]) for m in catalog["meter_prices"]] == [
        ("api_calls", "100")
    ]
    assert [c["key"] for c in catalog["charges"]] == ["f"]
    for query in ("market=global", "market=global&billing_period=annual", "market=ksa"):
        assert api.get(f"/plans/pro/catalog?{query}").json()["market_price"] is None
    refused(api.get("/plans/pro/catalog?market=mars"), 404, "market_not_found")
    assert api.get("/plans/pro/catalog").status_code == 422
    listed = api.get("/plan-catalogs?market=global&billing_period=monthly").json()
    assert [item["plan"]["key"] for item in listed["data"]] == ["pro"]
    assert listed["data"][0]["market_price"]["base_price"] == "99"
    assert [(u["plan"]["key"], u["reason"]) for u in listed["unavailable"]] == [
        ("free", "price_not_configured")
    ]
    listed = api.get("/plan-catalogs?market=ksa").json()
    assert (listed["data"], len(listed["unavailable"])) == ([], 2)


def test_an_estimate_prices_what_the_body_says(api: TestClient) -> None:
    body = {"quantity": "1500", "pricing_model": "tiered", "tiers": TIERS}
    answer = api.post("/pricing/estimate", json=body)
    assert answer.status_code == 200, answer.text
    estimate = answer.json()
    assert (estimate["amount"], estimate["currency"]) == ("6500.00", "USD")
    assert [s["amount"] for s in estimate["slices"]] == ["1000", "4500", "1000"]
    package = {"pricing_model": "package", "package_size": 100, "package_price": 5}
    body = {"quantity": "250", "included_units": "100", "currency": "KWD", **package}
    assert api.post("/pricing/estimate", json=body).json()["amount"] == "10.000"
    closed = {"quantity": "5000", "pricing_model": "graduated", "tiers": TIERS[:2]}
    refused(api.post("/pricing/estimate", json=closed), 422, "uncovered_quantity")
    exact = {"quantity": "0.000000000001", "pricing_model": "per_unit"}
    body = {**exact, "unit_price": "0.000000000001"}
    assert api.post("/pricing/estimate", json=body).json()["slices"][0]["amount"] == (
        "0.000000000000000000000001"
    )
    bad = {"quantity": "1", "pricing_model": "per_unit", "unit_price": "1", "currency": "XXX"}
    refused(api.post("/pricing/estimate", json=bad), 422, "unknown_currency")


def test_a_read_key_looks_and_does_not_change(api: TestClient, db: Any, home: Any) -> None:
    from tests.conftest import NOW

    from tallybook.server.identity import service as identity
    from tallybook.server.identity.models import Scope

    key = db.write_now(lambda tx: identity.create_key(tx, home.live, scope=Scope.READ, at=NOW)[1])
    headers = {"Authorization": f"Bearer {key}"}
    assert api.get("/plans", headers=headers).status_code == 200
    refused(api.post("/plans", json=PRO, headers=headers), 403, "scope_missing")
