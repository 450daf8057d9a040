"""The commands without a server: each does its work on the database, and says no in one line."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from typer.testing import Result

from tallybook.server.cli.app import app
from tallybook.server.ledger.tables import accounts
from tallybook.server.storage import open_database
from tallybook.server.storage.lock import DirectoryLock


@pytest.fixture
def answer(run: Callable[..., Result]) -> Callable[..., Any]:
    """Run a command with --json and return what it answers."""

    def answer(*args: str) -> Any:
        result = run(*args, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return answer


def test_a_project_has_two_keys_and_a_market(answer: Any, run: Any) -> None:
    made = answer("projects", "create", "Acme", "--currency", "SAR", "--timezone", "Asia/Riyadh")
    assert made["project_id"].startswith("prj_")
    (project,) = answer("projects", "list")
    assert (project["currency"], project["timezone"]) == ("SAR", "Asia/Riyadh")
    keys = answer("keys", "list")
    assert {(key["space"], key["scope"]) for key in keys} == {("live", "full"), ("test", "full")}
    market = answer("markets", "create", "eu", "--currency", "EUR")
    assert (market["key"], market["currency"]) == ("eu", "EUR")
    again = run("markets", "create", "eu", "--currency", "EUR")
    assert (again.exit_code, again.stdout) == (1, "")
    assert "key_taken" in again.stderr


def test_for_people_a_key_is_shown_with_advice(run: Any) -> None:
    shown = run("projects", "create", "Acme")
    assert "live key    tb_live_" in shown.stdout
    assert "not shown again" in shown.stderr
    table = run("keys", "list").stdout
    assert "key_" in table
    assert "tb_live_" not in table


def test_several_projects_must_be_told_apart(answer: Any, run: Any) -> None:
    ids = [answer("projects", "create", name)["project_id"] for name in ("A", "B")]
    unclear = run("keys", "create")
    assert unclear.exit_code == 1
    assert "2 projects fit" in unclear.stderr
    assert answer("keys", "create", "--project", ids[1])["project_id"] == ids[1]
    assert answer("keys", "create", "--project", "A")["project_id"] == ids[0]
    assert run("keys", "list", "--project", "C").exit_code == 1


def test_before_the_first_project_the_way_is_told(run: Any) -> None:
    result = run("keys", "create")
    assert result.exit_code == 1
    assert "tallybook projects create" in result.stderr


def test_a_key_is_revoked_once_and_for_all(answer: Any, run: Any) -> None:
    answer("projects", "create", "Acme")
    key = answer("keys", "create", "--scope", "ingest")
    first = answer("keys", "revoke", key["id"])
    assert first["revoked_at"] is not None
    assert answer("keys", "revoke", key["id"]) == first
    assert run("keys", "revoke", "key_none").exit_code == 1
    assert run("keys", "revoke", "a/b").exit_code == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("projects", "create", "A", "--currency", "XYZ"), "XYZ"),
        (("projects", "create", "A", "--currency", "usd"), "/currency"),
        (("projects", "create", "A", "--timezone", "Mars/Base"), "Mars/Base"),
        (("projects", "create", ""), "/name"),
        (("verify",), "tallybook serve"),
    ],
)
def test_a_refusal_is_one_line(run: Any, args: tuple[str, ...], said: str) -> None:
    result = run(*args)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert said in result.stderr
    assert result.stderr.startswith("tallybook: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "args",
    [
        ("projects", "create"),
        ("keys", "create", "--space", "other"),
        ("nonsense",),
        ("migrate", "--database", "mysql://x"),
        ("serve", "--port", "70000"),
    ],
)
def test_wrong_usage_ends_with_2(run: Any, args: tuple[str, ...]) -> None:
    assert run(*args).exit_code == 2


def _commands(node: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not hasattr(node, "commands"):
        yield path, node
        return
    for name, child in node.commands.items():
        yield from _commands(child, *path, name)


def test_every_command_takes_json_and_says_what_it_does() -> None:
    from typer.main import get_command

    for path, command in _commands(get_command(app)):
        options = {name for parameter in command.params for name in parameter.opts}
        assert "--json" in options, path
        assert command.help, path


def test_migrate_tells_and_does(run: Any, answer: Any) -> None:
    assert run("migrate", "--check").exit_code == 1
    assert not Path("tallybook-data").exists(), "looking makes nothing"
    assert answer("migrate")["current"] is True
    assert run("migrate", "--check").exit_code == 0
    assert answer("migrate")["from"] is not None


def test_while_another_process_holds_the_database_nothing_is_written(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallybook.server.cli.installation.LOCK_WAIT_S", 0.0)
    run("migrate")
    with DirectoryLock(Path("tallybook-data")):
        for args in (("projects", "create", "Acme"), ("migrate",), ("serve", "--port", "0")):
            refused = run(*args)
            assert refused.exit_code == 1, args
            assert refused.stderr.startswith("tallybook: ")


def test_the_doctor_finds_a_healthy_installation(answer: Any) -> None:
    answer("projects", "create", "Acme")
    report = answer("doctor")
    assert report["ok"] is True
    assert {check["check"] for check in report["checks"]} == {
        *("python", "sqlite", "directory", "disk", "server", "schema", "parked", "clock")
    }


def test_the_doctor_finds_what_is_wrong(run: Any) -> None:
    assert run("doctor").exit_code == 0, "nothing there yet is no fault"
    run("projects", "create", "Acme")
    home = Path("tallybook-data")
    home.chmod(0o755)
    db = open_database(f"sqlite:///{home / 'tallybook.db'}")
    for statement in (
        "UPDATE alembic_version SET version_num = '0000'",
        "UPDATE projects SET created_at = 4102444800000000",
        "INSERT INTO due_work VALUES (1, 'renew', 'sub_1', 0, NULL, 0, 8, 'no such plan', 1)",
    ):
        db.write_now(lambda tx, text=statement: tx.connection.exec_driver_sql(text))
    db.close()
    result = run("doctor")
    assert result.exit_code == 1
    found = {line.split()[1]: line for line in result.stdout.splitlines()}
    assert found["directory"].startswith("warn")
    assert "chmod 700" in found["directory"]
    assert found["schema"].startswith("fail")
    assert found["parked"].startswith("fail")
    assert "no such plan" in found["parked"]
    assert found["clock"].startswith("fail")


def test_verify_finds_nothing_in_an_empty_project(run: Any, answer: Any) -> None:
    answer("projects", "create", "Acme")
    assert answer("verify")["differences"] == []
    assert "all adds up" in run("verify").stdout


def test_verify_says_what_differs_and_exits_with_1(run: Any, answer: Any, tmp_path: Path) -> None:
    project_id = answer("projects", "create", "Acme", "--data-dir", "data")["project_id"]
    db = open_database(f"sqlite:///{tmp_path}/data/tallybook.db")
    row = {"id": "acc_1", "space_id": 1, "name": "cash", "kind": "cash", "unit": "USD"}
    planted = {**row, "customer_id": "", "object_id": "", "balance_micros": 5, "version": 0}
    db.write_now(lambda tx: tx.execute(insert(accounts).values(planted)))
    db.close()
    done = run("verify", "--data-dir", "data", "--json")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    (found,) = said["differences"]
    assert (said["ok"], found["project_id"], found["check"]) == (
        False,
        project_id,
        "account_equals_entries",
    )
    assert (found["expected"], found["actual"]) == ("0", "5")
    assert "1 figures differ" in run("verify", "--data-dir", "data").stderr


def test_the_version_is_told(run: Any) -> None:
    assert run("--version").stdout.startswith("tallybook ")


def test_without_the_server_extra_it_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['typer'] = sys.modules['fastapi'] = None; "
        "from tallybook.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "pip install 'tallybook[server]'" in done.stderr
    assert "Traceback" not in done.stderr
