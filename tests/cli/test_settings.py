"""Flags win over the environment, that over the file, that over the defaults."""

from pathlib import Path

import pytest

from tallybook.server.cli.errors import WrongUsage
from tallybook.server.cli.settings import Settings, load, resolve
from tallybook.server.identity.models import Mode


def test_without_anything_the_defaults_hold() -> None:
    settings = resolve({}, {}, {})
    assert settings.data_dir == Path.cwd() / "tallybook-data"
    assert settings.database_url == f"sqlite:///{Path.cwd()}/tallybook-data/tallybook.db"
    assert (settings.host, settings.port) == ("127.0.0.1", 8787)
    assert settings.base_url is None
    assert settings.api_key is None


@pytest.mark.parametrize(
    ("flags", "environment", "file", "port"),
    [
        ({"port": 1}, {"TALLYBOOK_PORT": "2"}, {"port": 3}, 1),
        ({"port": None}, {"TALLYBOOK_PORT": "2"}, {"port": 3}, 2),
        ({}, {"TALLYBOOK_PORT": ""}, {"port": 3}, 3),
        ({"port": 0}, {"TALLYBOOK_PORT": "2"}, {}, 0),
    ],
)
def test_the_nearest_setting_wins(
    flags: dict[str, int | None], environment: dict[str, str], file: dict[str, int], port: int
) -> None:
    assert resolve(flags, environment, file).port == port


def test_every_setting_has_a_variable() -> None:
    settings = resolve(
        {},
        {
            "TALLYBOOK_DATA_DIR": "/srv/data",
            "TALLYBOOK_DATABASE_URL": "postgresql://tally@db/books",
            "TALLYBOOK_HOST": "0.0.0.0",
            "TALLYBOOK_PORT": "80",
            "TALLYBOOK_BASE_URL": "https://billing.example",
            "TALLYBOOK_API_KEY": "tb_live_x",
        },
        {},
    )
    assert settings == Settings(
        data_dir=Path("/srv/data"),
        database_url="postgresql://tally@db/books",
        host="0.0.0.0",
        port=80,
        base_url="https://billing.example",
        api_key="tb_live_x",
    )
    assert settings.sqlite_path is None
    assert settings.home == Path("/srv/data")


def test_the_lock_lies_beside_the_embedded_database() -> None:
    settings = resolve({"database_url": "sqlite:////srv/books/a.db"}, {}, {})
    assert settings.sqlite_path == Path("/srv/books/a.db")
    assert settings.home == Path("/srv/books")
    near = resolve({"database_url": "sqlite:///a.db"}, {}, {})
    assert near.sqlite_path == Path.cwd() / "a.db"


def test_secrets_are_not_shown() -> None:
    settings = resolve(
        {}, {"TALLYBOOK_API_KEY": "hush", "TALLYBOOK_DATABASE_URL": "postgresql://u:hush@h/d"}, {}
    )
    assert "hush" not in repr(settings)


@pytest.mark.parametrize("port", ["http", -1, 65536, "80.5"])
def test_a_port_is_a_number(port: object) -> None:
    with pytest.raises(WrongUsage, match="65535"):
        resolve({"port": port}, {}, {})


@pytest.mark.parametrize("url", ["mysql://x/y", "tallybook.db", "sqlite:tallybook.db"])
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(WrongUsage, match="postgresql://"):
        resolve({"database_url": url}, {}, {})


def test_a_misspelt_setting_in_the_file_is_refused() -> None:
    with pytest.raises(WrongUsage, match="prot"):
        resolve({}, {}, {"prot": 80})


def test_the_file_is_read_where_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tallybook.toml").write_text("port = 9000\nhost = '::1'\n")
    assert (load().port, load().host) == (9000, "::1")
    other = tmp_path / "other.toml"
    other.write_text("port = 9001\n")
    monkeypatch.setenv("TALLYBOOK_CONFIG", str(other))
    assert load().port == 9001
    other.write_text("port = = 1")
    with pytest.raises(WrongUsage, match=r"other\.toml"):
        load()
    monkeypatch.setenv("TALLYBOOK_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(WrongUsage, match=r"none\.toml"):
        load()


def test_networks_for_webhooks_are_read_from_the_environment_and_the_file() -> None:
    environment = {"TALLYBOOK_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8, ::1/128"}
    settings = resolve({}, environment, {"webhook_allowed_networks": ["10.0.0.0/8"]})
    assert [str(network) for network in settings.webhook_allowed_networks] == [
        "127.0.0.0/8",
        "::1/128",
    ]
    settings = resolve({}, {}, {"webhook_allowed_networks": ["10.0.0.0/8"]})
    assert [str(network) for network in settings.webhook_allowed_networks] == ["10.0.0.0/8"]
    with pytest.raises(WrongUsage, match="webhook_allowed_networks"):
        resolve({}, {"TALLYBOOK_WEBHOOK_ALLOWED_NETWORKS": "10.0.0.1/8"}, {})


def test_stripe_is_off_until_it_has_a_key_and_each_mode_has_its_own() -> None:
    assert resolve({}, {}, {}).stripe_keys == {}
    settings = resolve(
        {},
        {
            "TALLYBOOK_STRIPE_KEY": "rk_live_1",
            "TALLYBOOK_STRIPE_WEBHOOK_SECRET": "whsec_new, whsec_old",
            "TALLYBOOK_STRIPE_TEST_KEY": "sk_test_2",
            "TALLYBOOK_STRIPE_URL": "http://127.0.0.1:9/",
        },
        {},
    )
    live, test = settings.stripe_keys[Mode.LIVE], settings.stripe_keys[Mode.TEST]
    assert (live.secret_key, live.webhook_secrets) == ("rk_live_1", ("whsec_new", "whsec_old"))
    assert (test.secret_key, test.webhook_secrets) == ("sk_test_2", ())
    assert live.url == "http://127.0.0.1:9"
    assert "rk_live" not in repr(settings)
    assert "whsec" not in repr(settings)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ({"stripe_test_key": "sk_live_1"}, "test spaces never charge with a live key"),
        ({"stripe_webhook_secret": "whsec_1"}, "set stripe_key, too"),
        ({"stripe_key": "sk_1", "stripe_url": "http://far.example"}, "write https://"),
        ({"stripe_key": "sk_1", "stripe_url": "far"}, "write https://"),
    ],
)
def test_wrong_settings_of_stripe_are_refused(file: dict[str, str], says: str) -> None:
    with pytest.raises(WrongUsage, match=says):
        resolve({}, {}, file)


def test_without_its_library_stripe_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tallybook.server.cli.settings.find_spec", lambda _: None)
    resolve({}, {}, {})
    with pytest.raises(WrongUsage, match=r"pip install 'tallybook\[stripe\]'"):
        resolve({}, {}, {"stripe_key": "sk_1"})
