"""Usage is added up exactly, whatever the numbers look like."""

from decimal import Decimal
from typing import Any

import pytest
from starlette.testclient import TestClient

SPAN = "start_date=2026-03-01&end_date=2026-04-01"


@pytest.mark.parametrize(
    "quantities",
    [
        ["1", "2", "3"],
        ["99999999999", "100000000000", "999999999999"],  # about where SQLite adds itself
        ["0.000000000001", "0.1", "0.2"],
        ["1", "0.5", "999999999999.999999999999", "100000000000", "7"],
        ["0"],
    ],
)
def test_a_sum_is_exact_at_each_length_of_number(api: TestClient, quantities: list[str]) -> None:
    api.post("/meters", json={"name": "x", "key": "calls", "aggregation": "sum"})
    api.post("/customers", json={"name": "x", "external_id": "acme"})
    events: list[dict[str, Any]] = [
        {
            "customer_external_id": "acme",
            "meter": "calls",
            "quantity": quantity,
            "timestamp": "2026-03-01T12:00:00Z",
        }
        for quantity in quantities
    ]
    sent = api.post("/events/batch", json={"events": events, "backfill": True}).json()
    assert sent["accepted"] == len(quantities), sent
    (item,) = api.get(f"/customers/external/acme/usage/aggregate?{SPAN}").json()["items"]
    assert Decimal(item["quantity"]) == sum(map(Decimal, quantities))
    assert item["events"] == len(quantities)
