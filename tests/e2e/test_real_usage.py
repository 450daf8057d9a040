"""8,819 real LLM requests, imported through a server process, billed to the cent, paid."""

import csv
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tallybook import Tallybook
from tests.e2e.conftest import COMMAND, Server

pytestmark = pytest.mark.slow

TRACE = Path(__file__).parents[3] / "shared" / "data" / "azure-llm-trace-code.csv"
ROWS = 8_819
CUSTOMERS = 7
METERS = {"prompt": ("ContextTokens", "0.000003"), "completion": ("GeneratedTokens", "0.000015")}
TOTALS = {"prompt": 18_059_974, "completion": 245_896}
BILLS = {0: ("7.97", "0.49", "8.46"), 1: ("7.76", "0.52", "8.28"), 6: ("7.57", "0.55", "8.12")}


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trace with a customer column: row index modulo 7."""
    assert TRACE.exists(), f"the real usage is missing: {TRACE}"
    path = tmp_path_factory.mktemp("trace") / "usage.csv"
    with TRACE.open() as source, path.open("w", newline="") as target:
        rows, out = csv.DictReader(source), csv.writer(target)
        out.writerow(["TIMESTAMP", "customer", "ContextTokens", "GeneratedTokens"])
        for index, row in enumerate(rows):
            who = f"customer-{index % CUSTOMERS}"
            out.writerow([row["TIMESTAMP"], who, row["ContextTokens"], row["GeneratedTokens"]])
    return path


@pytest.fixture
def key(server: Server) -> str:
    """A project whose test space has sold the plan to seven customers on 2023-11-16."""
    made: str = server.json("projects", "create", "Trace")["test_key"]
    with server.client(made) as client:
        client.test_clock.advance(datetime(2023, 11, 16, tzinfo=UTC))
        plan = client.plans.create(name="Pay as you go", key="payg")
        for meter, (_, unit_price) in METERS.items():
            client.meters.create(name=meter, key=meter, kind="billable", aggregation="sum")
            client.plans.meter_prices.create(
                plan.id, meter=meter, pricing_model="per_unit", unit_price=unit_price
            )
        for number in range(CUSTOMERS):
            who = f"customer-{number}"
            customer = client.customers.create(name=who, external_id=who)
            subscription = customer.subscribe(plan="payg")
            assert subscription.current_period_start == datetime(2023, 11, 16, tzinfo=UTC)
        client.test_clock.advance(datetime(2023, 11, 17, tzinfo=UTC))
    return made


def import_arguments(trace: Path, meter: str) -> list[str]:
    column, _ = METERS[meter]
    return [
        "import", "events", str(trace), "--meter", meter, "--customer-column", "customer",
        "--quantity-column", column, "--timestamp-column", "TIMESTAMP", "--timezone", "UTC",
    ]  # fmt: skip


def import_all(server: Server, trace: Path, key: str) -> dict[str, dict[str, int]]:
    done = {}
    for meter in METERS:
        arguments = [*import_arguments(trace, meter), "--json"]
        said = server.command(
            *arguments, TALLYBOOK_API_KEY=key, TALLYBOOK_BASE_URL=server.url
        ).stdout
        done[meter] = json.loads(said)
    return done


def totals(client: Tallybook) -> dict[str, Decimal]:
    """What all customers used, as the server adds it up."""
    summed = dict.fromkeys(METERS, Decimal(0))
    for number in range(CUSTOMERS):
        usage = client.usage.get_aggregated_usage(
            customer_external_id=f"customer-{number}",
            start_date="2023-11-16",
            end_date="2023-11-16",
        )
        for item in usage.items:
            summed[item.meter] += item.quantity
    return summed


def check_bills(client: Tallybook) -> None:
    for number, (prompt, completion, total) in BILLS.items():
        preview = client.invoices.preview(customer_external_id=f"customer-{number}")
        amounts = {line.description: line.total for line in preview.line_items}
        assert amounts == {"prompt": Decimal(prompt), "completion": Decimal(completion)}
        assert preview.amount == Decimal(total)
    first = client.invoices.preview(customer_external_id="customer-0")
    quantities = {line.description: line.quantity for line in first.line_items}
    assert quantities == {"prompt": 2_657_791, "completion": 32_461}


@pytest.fixture
def client(server: Server, key: str) -> Iterator[Tallybook]:
    with server.client(key) as opened:
        yield opened


def test_real_usage_is_imported_billed_and_paid(
    server: Server, client: Tallybook, key: str, trace: Path
) -> None:
    first = import_all(server, trace, key)
    assert [done["accepted"] for done in first.values()] == [ROWS, ROWS]
    assert totals(client) == TOTALS
    check_bills(client)

    again = import_all(server, trace, key)
    assert [(done["accepted"], done["duplicates"]) for done in again.values()] == [(0, ROWS)] * 2
    assert totals(client) == TOTALS
    check_bills(client)
    assert server.command("verify").returncode == 0

    customer = client.customers.get(external_id="customer-0")
    wallet = client.wallets.get_or_create(customer.id, "USD")
    topped = wallet.top_up(amount="10", idempotency_key="deposit-0")
    assert topped.wallet.balance == 10
    assert wallet.top_up(amount="10", idempotency_key="deposit-0").idempotent
    client.test_clock.advance(datetime(2023, 12, 16, 2, tzinfo=UTC))
    (invoice,) = customer.get_invoices().data
    assert (invoice.status, invoice.total) == ("paid", Decimal("8.46"))
    assert invoice.number
    assert wallet.refresh_balance() == Decimal("1.54")
    unpaid = client.invoices.list(customer_external_id="customer-1").data[0]
    assert (unpaid.status, unpaid.amount_due) == ("open", Decimal("8.28"))
    assert server.command("verify").returncode == 0


def test_an_import_that_the_server_did_not_survive_ends_on_the_same_totals(
    server: Server, client: Tallybook, key: str, trace: Path
) -> None:
    environment = server.environment | {
        "TALLYBOOK_API_KEY": key,
        "TALLYBOOK_BASE_URL": server.url,
    }
    port = server.port
    importing = subprocess.Popen(
        [*COMMAND, *import_arguments(trace, "prompt")],
        cwd=server.directory,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stored = 0
    deadline_s = time.monotonic() + 60
    while not 0 < stored < ROWS and time.monotonic() < deadline_s:
        page = client.events.list(limit=1, include_total=True)
        stored = page.total_count or 0
        if importing.poll() is not None:
            break
    server.kill()
    importing.send_signal(signal.SIGKILL)
    importing.wait(10)
    server.start(port=port)
    import_all(server, trace, key)
    with server.client(key) as reopened:
        assert totals(reopened) == TOTALS
        check_bills(reopened)
    assert server.command("verify").returncode == 0
