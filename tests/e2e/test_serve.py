"""The server as a process: it starts, answers, refuses a second one, stops, and keeps its data."""

import json
import signal
import socket
import stat
import threading
from pathlib import Path

import httpx2
import pytest

from tests.e2e.conftest import STOP_S_MAX, Server, eventually

pytestmark = pytest.mark.slow
EMBEDDED = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


@pytest.fixture
def engine_name(request: pytest.FixtureRequest) -> str:
    name: str = getattr(request, "param", "sqlite")
    return name


BOTH = pytest.mark.parametrize("engine_name", ["sqlite", "postgresql"], indirect=True)


@BOTH
def test_it_says_one_line_and_answers_there(server: Server) -> None:
    assert server.said == [f"Tallybook is serving at {server.url}"]
    health = httpx2.get(f"{server.url}/api/v1/health")
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    assert server.stop() == 0
    assert len(server.said) == 1, "it says nothing else on stdout"


@BOTH
def test_keys_are_made_and_revoked_beside_the_running_server(server: Server) -> None:
    made = server.json("projects", "create", "Acme", "--currency", "EUR")
    assert made["live_key"].startswith("tb_live_")
    assert made["test_key"].startswith("tb_test_")
    key = server.json("keys", "create", "--space", "test", "--scope", "read", "--name", "books")
    assert server.get("/customers", key["key"]).status_code == 200
    listed = {row["id"]: row for row in server.json("keys", "list")}
    assert listed[key["id"]]["name"] == "books"
    assert all("key" not in row for row in listed.values())
    server.command("keys", "revoke", key["id"])
    refused = server.get("/customers", key["key"])
    assert (refused.status_code, refused.json()["code"]) == (401, "api_key_revoked")
    assert server.get("/customers", made["test_key"]).status_code == 200


@BOTH
def test_a_restart_keeps_what_was_answered(server: Server) -> None:
    key = server.json("projects", "create", "Acme")["live_key"]
    with server.client(key) as client:
        customer = client.customers.create(name="Ada", external_id="ada")
    server.kill()
    server.start()
    with server.client(key) as client:
        assert client.customers.get(external_id="ada") == customer


@BOTH
def test_commands_work_before_the_first_start(installation: Server) -> None:
    key = installation.json("projects", "create", "Acme")["live_key"]
    installation.json("markets", "create", "eu", "--currency", "EUR")
    installation.start()
    assert installation.get("/customers", key).status_code == 200


def test_a_second_server_is_refused(server: Server) -> None:
    second = server.command("serve", "--port", "0", check=False)
    assert second.returncode == 1
    assert f"pid {server.pid}" in second.stderr
    assert second.stdout == ""
    assert server.stop() == 0
    server.start()


def test_a_port_in_use_is_refused(installation: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = installation.command("serve", "--port", port, check=False)
    assert done.returncode == 1
    assert port in done.stderr
    assert "--port" in done.stderr


def test_what_it_tells_its_commands_is_for_its_owner_alone(server: Server) -> None:
    path = server.directory / "data" / "server.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    token = json.loads(path.read_text())["operator_token"]
    assert token.startswith("tb_op_")
    assert server.get("/projects", token).status_code == 200
    assert server.get("/customers", token).status_code == 401
    assert server.get("/projects", f"{token}x").status_code == 401
    server.stop()
    assert not path.exists()


def test_an_api_key_is_no_operator(server: Server) -> None:
    key = server.json("projects", "create", "Acme")["live_key"]
    refused = server.get("/projects", key)
    assert (refused.status_code, refused.json()["code"]) == (403, "session_required")


def test_what_a_killed_server_left_does_not_mislead(server: Server) -> None:
    server.kill()
    assert (server.directory / "data" / "server.json").exists()
    made = server.json("projects", "create", "Acme")
    server.start()
    assert server.get("/customers", made["live_key"]).status_code == 200


def test_it_stops_while_a_request_hangs(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(b"POST /api/v1/customers HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        eventually(lambda: httpx2.get(f"{server.url}/api/v1/health").status_code == 200)
        server.signal(signal.SIGTERM)
        assert server.wait(STOP_S_MAX) == 0


def test_a_second_signal_ends_it_at_once(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(b"POST /api/v1/customers HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        server.signal(signal.SIGTERM)
        eventually(lambda: not _listens(server.port))
        server.signal(signal.SIGTERM)
        assert server.wait(2.0) == 128 + signal.SIGTERM


def test_what_was_answered_before_a_stop_is_kept(server: Server) -> None:
    """SIGTERM under load: requests finish or fail, and none that succeeded is lost."""
    key = server.json("projects", "create", "Acme")["live_key"]
    kept: list[str] = []

    def load(worker: int) -> None:
        with httpx2.Client(headers={"Authorization": f"Bearer {key}"}) as http:
            for number in range(10_000):
                body = {"name": "A", "external_id": f"{worker}-{number}"}
                try:
                    answer = http.post(f"{server.url}/api/v1/customers", json=body)
                except httpx2.HTTPError:
                    return
                if answer.status_code == 201:
                    kept.append(body["external_id"])

    threads = [threading.Thread(target=load, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(kept) > 50)
    assert server.stop() == 0
    for thread in threads:
        thread.join(timeout=10)
    server.start()
    for external_id in kept:
        assert server.get(f"/customers/external/{external_id}", key).status_code == 200


@BOTH
def test_a_schema_of_a_newer_program_is_refused(installation: Server) -> None:
    installation.json("projects", "create", "Acme")
    _set_revision(installation, "9999")
    done = installation.command("serve", "--port", "0", check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "tallybook:" in done.stderr


@BOTH
def test_a_worker_runs_and_stops_apart(installation: Server) -> None:
    assert installation.start(command="worker").said == ["Tallybook's worker is at work"]
    assert installation.stop() == 0


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_postgresql_is_migrated_by_hand(installation: Server) -> None:
    _set_revision(installation, None)
    done = installation.command("serve", "--port", "0", check=False)
    assert done.returncode == 1
    assert "tallybook migrate" in done.stderr
    assert installation.command("migrate", "--check", check=False).returncode == 1


def test_the_data_directory_must_be_writable(installation: Server, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    done = installation.command("serve", "--data-dir", str(blocked), "--port", "0", check=False)
    assert done.returncode == 1
    assert "--data-dir" in done.stderr
    assert "Traceback" not in done.stderr


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _set_revision(installation: Server, revision: str | None) -> None:
    from tallybook.server.storage import open_database

    url = installation.database_url or f"sqlite:///{installation.directory}/data/tallybook.db"
    text = "DELETE FROM alembic_version"
    if revision is not None:
        text = f"UPDATE alembic_version SET version_num = '{revision}'"
    db = open_database(url)
    db.write_now(lambda tx: tx.connection.exec_driver_sql(text))
    db.close()
