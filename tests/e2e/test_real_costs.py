"""Real LLM requests, priced by the book, against the same sum done by hand."""

import csv
from decimal import Decimal

import pytest

from tests.e2e.conftest import Server
from tests.e2e.test_real_usage import ROWS, TRACE

pytestmark = pytest.mark.slow
DAY = "2026-06-01"
PER_MILLION = {"ContextTokens": 2_500_000, "GeneratedTokens": 10_000_000}  # millionths of a USD


def test_the_trace_costs_what_it_costs(server: Server) -> None:
    key = server.json("projects", "create", "Trace")["live_key"]
    with TRACE.open() as source:
        rows = list(csv.DictReader(source))
    assert len(rows) == ROWS
    by_hand = sum(int(row[name]) * price for row in rows for name, price in PER_MILLION.items())
    costs = [
        {
            "provider": "openai",
            "model": "gpt-4o",
            "timestamp": f"{DAY}T12:00:00Z",
            "response_id": f"r{number}",
            "tokens": {"input": int(row["ContextTokens"]), "output": int(row["GeneratedTokens"])},
        }
        for number, row in enumerate(rows)
    ]
    with server.client(key, timeout=60) as client:
        for again in (False, True):
            for start in range(0, ROWS, 1_000):
                result = client.costs.create_batch(costs[start : start + 1_000])
                assert (result.accepted == 0) is again
        totals = client.margins.report(group_by="customer", start=DAY, end=DAY).totals
    assert totals[0].cost == Decimal(by_hand) / 10**12
    assert totals[0].cost == Decimal("47.608895")
