"""`tallybook import events`, against a server that answers as the contract says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tallybook.server.cli import import_sending
from tests.cli.conftest import BatchServer

HEADER = "at,who,n"
COLUMNS = ("--customer-column", "who", "--quantity-column", "n", "--timestamp-column", "at")


def row(number: int, who: str = "ada", n: str = "1") -> str:
    return f"2026-03-01T12:{number // 60:02d}:{number % 60:02d}Z,{who},{n}"


@pytest.fixture
def send(
    run: Callable[..., Result], batches: BatchServer, tmp_path: Path
) -> Callable[..., tuple[Result, dict[str, Any]]]:
    """Import a file of this text; return what was said and the counts."""

    def send(text: str | bytes, *more: str, name: str = "usage.csv") -> Any:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        settings = {"TALLYBOOK_API_KEY": "tb_live_x", "TALLYBOOK_BASE_URL": batches.url}
        result = run("import", "events", str(path), "--meter", "calls", *more, "--json", **settings)
        return result, json.loads(result.stdout) if result.stdout else {}

    return send


def test_a_file_is_sent_in_batches(send: Any, batches: BatchServer) -> None:
    rows = [row(number) for number in range(2500)]
    result, counts = send("\n".join([HEADER, *rows]), *COLUMNS)
    assert result.exit_code == 0, result.stderr
    assert batches.sizes == [1000, 1000, 500]
    assert counts["accepted"] == counts["lines"] == len(batches.events) == 2500
    assert all(batches.backfill)
    assert batches.keys == {"tb_live_x"}
    first = next(iter(batches.events.values()))
    assert first.pop("idempotency_key").startswith("calls:")
    assert first == {
        "customer_external_id": "ada",
        "meter": "calls",
        "timestamp": "2026-03-01T12:00:00Z",
        "quantity": "1",
    }


def test_a_batch_stays_below_the_largest_body(send: Any, batches: BatchServer) -> None:
    rows = [f"{row(number)},{'x' * 5000}" for number in range(500)]
    result, _ = send("\n".join([f"{HEADER},note", *rows]), *COLUMNS, "--attributes-columns", "note")
    assert result.exit_code == 0, result.stderr
    assert max(batches.sizes) * 5000 < 1 << 20
    assert sum(batches.sizes) == 500


def test_sending_again_sends_nothing_twice(send: Any, batches: BatchServer) -> None:
    text = "\n".join([HEADER, row(1), row(1), row(2)])
    assert send(text, *COLUMNS)[1]["accepted"] == 3, "equal lines are two events"
    again, counts = send(text + "\n" + row(3) + "\n", *COLUMNS)
    assert again.exit_code == 0
    assert (counts["accepted"], counts["duplicates"], counts["conflicts"]) == (1, 3, 0)


def test_another_order_or_line_end_makes_no_other_keys(send: Any, batches: BatchServer) -> None:
    send("\n".join([HEADER, row(1), row(1), row(2)]), *COLUMNS)
    _, counts = send("\r\n".join([HEADER, row(2), row(1), row(1)]) + "\r\n", *COLUMNS)
    assert counts["duplicates"] == 3


def test_a_duplicate_that_differs_is_told(send: Any, batches: BatchServer) -> None:
    text = f"{HEADER},id\n{row(1)},k1\n"
    send(text, *COLUMNS, "--key-column", "id")
    assert set(batches.events) == {"k1"}
    result, counts = send(text.replace(",1,", ",2,"), *COLUMNS, "--key-column", "id")
    assert counts["conflicts"] == counts["duplicates"] == 1
    assert "differ" in result.stderr


def test_bad_lines_are_told_and_the_others_sent(send: Any, batches: BatchServer) -> None:
    rows = [row(1), row(2, n="much"), row(3, who=""), "a,b", row(4, n="-1"), row(5, who="nobody")]
    result, counts = send("\n".join([HEADER, *rows]), *COLUMNS)
    assert result.exit_code == 1
    assert (counts["accepted"], counts["unmatched"], counts["rejected"]) == (2, 1, 4)
    told = {bad["line"]: bad["code"] for bad in counts["rejected_lines"]}
    assert told == {
        3: "invalid_quantity",
        4: "missing",
        5: "unreadable",
        6: "invalid_quantity",
    }
    assert "4 lines were rejected" in result.stderr
    assert "line 3: invalid_quantity: 'much' is no number" in result.stderr
    assert "replayed" in result.stderr


def test_quotes_may_span_lines(send: Any, batches: BatchServer) -> None:
    text = f'{HEADER}\n"2026-03-01T12:00:00Z","ada\nlovelace","1"\n{row(1)}\nx,y,z\n'
    _, counts = send(text, *COLUMNS)
    assert [event["customer_external_id"] for event in batches.events.values()] == [
        "ada\nlovelace",
        "ada",
    ]
    assert counts["rejected_lines"][0]["line"] == 5


def test_a_broken_quote_or_encoding_is_one_bad_line(send: Any, batches: BatchServer) -> None:
    text = f'{HEADER}\n{row(1)}\n"a"b,c,d\n{row(2, who="z")}\n'.encode().replace(b",z,", b",\xff,")
    _, counts = send(text, *COLUMNS)
    assert (counts["accepted"], counts["rejected"]) == (1, 2)
    assert counts["rejected_lines"][1]["detail"] == "not UTF-8"


def test_json_lines_are_read_from_their_digits(send: Any, batches: BatchServer) -> None:
    lines = [
        '{"at": "2026-03-01T12:00:00Z", "who": "ada", "n": 0.30000000000, "price": 1.10}',
        "",
        '{"at": "2026-03-01T12:00:00Z", "who": 7, "n": 2}',
        '{"at": "2026-03-01T12:00:00Z", "who": "ada"}',
        "[1]",
        '{"n": NaN}',
    ]
    more = ("--attributes-columns", "price")
    result, counts = send("\n".join(lines), *COLUMNS, *more, name="usage.jsonl")
    assert result.exit_code == 1
    sent = list(batches.events.values())
    assert [event["quantity"] for event in sent] == ["0.3", "2"]
    assert sent[0]["attributes"] == {"price": 1.1}
    assert [bad["line"] for bad in counts["rejected_lines"]] == [4, 5, 6]


def test_one_customer_and_one_unit_a_line(send: Any, batches: BatchServer) -> None:
    result, _ = send(f"{HEADER}\n{row(1)}", "--customer", "eve", "--timestamp-column", "at")
    assert result.exit_code == 0, result.stderr
    (event,) = batches.events.values()
    assert event["customer_external_id"] == "eve"
    assert "quantity" not in event


def test_times_without_zone_need_one(send: Any, batches: BatchServer) -> None:
    text = f"{HEADER}\n2026-03-01 12:00:00,ada,1\n"
    result, _ = send(text, *COLUMNS)
    assert result.exit_code == 2
    assert "--timezone" in result.stderr
    assert not batches.events
    assert send(text, *COLUMNS, "--timezone", "Asia/Riyadh")[0].exit_code == 0
    (event,) = batches.events.values()
    assert event["timestamp"] == "2026-03-01T09:00:00Z"
    assert send(text, *COLUMNS, "--timezone", "Mars/Base")[0].exit_code == 2


def test_a_server_that_is_not_ready_is_waited_for(send: Any, batches: BatchServer) -> None:
    batches.faults = [503, 503, 429]
    batches.busy = 1
    result, counts = send("\n".join([HEADER, row(1), row(2)]), *COLUMNS)
    assert result.exit_code == 0, result.stderr
    assert counts["accepted"] == 2
    assert batches.sizes == [2, 1], "only what was told to come again comes again"


def test_a_server_that_stays_away_is_given_up(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_sending, "PATIENCE_S", 0.2)
    path = tmp_path / "usage.csv"
    path.write_text(f"{HEADER}\n{row(1)}\n")
    result = run(
        *("import", "events", str(path), "--meter", "calls", *COLUMNS),
        TALLYBOOK_API_KEY="tb_live_x",
        TALLYBOOK_BASE_URL="http://127.0.0.1:9",
    )
    assert result.exit_code == 1
    assert "run the same command again" in result.stderr


def test_a_refusal_of_the_whole_ends_it(send: Any, batches: BatchServer) -> None:
    batches.faults = [403]
    result, _ = send(f"{HEADER}\n{row(1)}", *COLUMNS)
    assert result.exit_code == 1
    assert result.stderr.startswith("tallybook: not now")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--timestamp-column", "at"), "--customer"),
        (("--timestamp-column", "at", "--customer", "a", "--customer-column", "b"), "--customer"),
        (("--timestamp-column", "when", "--customer", "a"), "when"),
        (("--customer", "a"), "--timestamp-column"),
    ],
)
def test_wrong_usage_is_told(send: Any, more: tuple[str, ...], said: str) -> None:
    result, _ = send(f"{HEADER}\n{row(1)}", *more)
    assert result.exit_code == 2
    assert said in result.stderr


def test_other_files_and_missing_keys_are_refused(
    send: Any, run: Callable[..., Result], tmp_path: Path
) -> None:
    assert send("x", *COLUMNS, name="usage.xlsx")[0].exit_code == 2
    assert send("", *COLUMNS)[0].exit_code == 2
    (tmp_path / "a.csv").write_text(f"{HEADER}\n{row(1)}\n")
    without_key = run("import", "events", "a.csv", "--meter", "calls", *COLUMNS)
    assert without_key.exit_code in (1, 2)
    assert "TALLYBOOK_API_KEY" in without_key.stderr
    missing = run("import", "events", "no.csv", "--meter", "m", *COLUMNS, TALLYBOOK_API_KEY="x")
    assert missing.exit_code == 1
    assert "no.csv" in missing.stderr
