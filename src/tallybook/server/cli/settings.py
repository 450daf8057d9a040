"""Where a command's settings come from: flags, the environment, `tallybook.toml`, defaults."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tallybook.server.identity.models import Mode
from tallybook.server.mail.smtp import MailServer, parse_server
from tallybook.server.payments.models import StripeKeys
from tallybook.server.webhooks.rules.addresses import Network, parse_networks

from .errors import WrongUsage

DEFAULT_DATA_DIR: Final = "tallybook-data"
DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8787
FILE_NAME: Final = "tallybook.toml"
DATABASE_NAME: Final = "tallybook.db"
NAMES: Final = (
    "data_dir",
    "database_url",
    "host",
    "port",
    "base_url",
    "api_key",
    "webhook_allowed_networks",
    "smtp_url",
    "mail_from",
    "stripe_key",
    "stripe_webhook_secret",
    "stripe_test_key",
    "stripe_test_webhook_secret",
    "stripe_url",
)
_POSTGRES: Final = ("postgresql:", "postgres:", "postgresql+psycopg:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a command works with. `home` holds the lock and what a running server tells."""

    data_dir: Path
    database_url: str = field(repr=False)  # may hold a password
    host: str
    port: int
    base_url: str | None
    api_key: str | None = field(repr=False)
    webhook_allowed_networks: tuple[Network, ...] = ()
    mail_server: MailServer | None = None
    stripe_keys: Mapping[Mode, StripeKeys] = field(default_factory=dict)

    @property
    def sqlite_path(self) -> Path | None:
        """The file of the embedded database; None with PostgreSQL."""
        if not self.database_url.startswith("sqlite:"):
            return None
        return Path(self.database_url.removeprefix("sqlite:///")).absolute()

    @property
    def home(self) -> Path:
        """The directory that one server has for itself."""
        path = self.sqlite_path
        return self.data_dir if path is None else path.parent


def resolve(
    flags: Mapping[str, Any], environment: Mapping[str, str], file: Mapping[str, Any]
) -> Settings:
    """Return the settings; a flag wins over the environment, that over the file.

    None and an empty variable count as not given. Errors: WrongUsage.
    """
    if unknown := sorted(file.keys() - set(NAMES)):
        raise WrongUsage(f"{FILE_NAME}: no setting {unknown[0]!r}; there are {', '.join(NAMES)}")
    chosen: dict[str, Any] = {}
    for name in NAMES:
        given = (flags.get(name), environment.get(f"TALLYBOOK_{name.upper()}") or None)
        chosen[name] = next((value for value in given if value is not None), file.get(name))
    data_dir = Path(str(chosen["data_dir"] or DEFAULT_DATA_DIR)).expanduser().absolute()
    return Settings(
        data_dir=data_dir,
        database_url=_database_url(chosen["database_url"], data_dir),
        host=str(chosen["host"] or DEFAULT_HOST),
        port=_port(DEFAULT_PORT if chosen["port"] is None else chosen["port"]),
        base_url=chosen["base_url"],
        api_key=chosen["api_key"],
        webhook_allowed_networks=_networks(chosen["webhook_allowed_networks"]),
        mail_server=_mail_server(chosen["smtp_url"], chosen["mail_from"]),
        stripe_keys=_stripe_keys(chosen),
    )


def load(**flags: Any) -> Settings:
    """Return the settings of this process. Errors: WrongUsage."""
    path = Path(os.environ.get("TALLYBOOK_CONFIG") or FILE_NAME)
    file: Mapping[str, Any] = {}
    if path.exists():
        try:
            file = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise WrongUsage(f"{path} cannot be read: {error}") from None
    elif "TALLYBOOK_CONFIG" in os.environ:
        raise WrongUsage(f"TALLYBOOK_CONFIG: there is no file {path}")
    return resolve(flags, os.environ, file)


def _database_url(given: Any, data_dir: Path) -> str:
    if given is None:
        return f"sqlite:///{data_dir / DATABASE_NAME}"
    url = str(given)
    if not url.startswith(("sqlite:///", *_POSTGRES)):
        kind = url.split(":", 1)[0]
        raise WrongUsage(
            f"{kind!r} is no database that Tallybook knows: "
            "use sqlite:///path/to/file.db or postgresql://user@host/name"
        )
    return url


def _networks(given: Any) -> tuple[Network, ...]:
    text = ",".join(map(str, given)) if isinstance(given, list) else str(given or "")
    try:
        return parse_networks(text)
    except ValueError as error:
        raise WrongUsage(
            f"webhook_allowed_networks: {error}; write networks such as 10.0.0.0/8, 127.0.0.1/32"
        ) from None


def _mail_server(url: Any, sender: Any) -> MailServer | None:
    if url is None:
        return None
    try:
        return parse_server(str(url), None if sender is None else str(sender))
    except ValueError as error:
        raise WrongUsage(f"smtp_url: {error}") from None


def _stripe_keys(chosen: Mapping[str, Any]) -> dict[Mode, StripeKeys]:
    """Return the keys of each mode that has some."""
    found, url = {}, _stripe_url(chosen["stripe_url"])
    for mode, prefix in ((Mode.LIVE, "stripe"), (Mode.TEST, "stripe_test")):
        key, secrets = chosen[f"{prefix}_key"], chosen[f"{prefix}_webhook_secret"]
        if key is None:
            if secrets is not None:
                raise WrongUsage(f"{prefix}_webhook_secret: set {prefix}_key, too")
            continue
        if mode is Mode.TEST and "_live_" in str(key):
            raise WrongUsage("stripe_test_key: test spaces never charge with a live key")
        texts = secrets if isinstance(secrets, list) else str(secrets or "").split(",")
        stripped = tuple(str(text).strip() for text in texts)
        found[mode] = StripeKeys(str(key), tuple(s for s in stripped if s), url)
    if found and find_spec("stripe") is None:
        raise WrongUsage(
            "stripe_key: Stripe's library is not installed: pip install 'tallybook[stripe]'"
        )
    return found


def _stripe_url(given: Any) -> str | None:
    if given is None:
        return None
    parts = urlsplit(str(given))
    is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or parts.scheme not in (("http", "https") if is_here else ("https",)):
        raise WrongUsage("stripe_url: write https://…; http only for this machine")
    return str(given).rstrip("/")


def _port(given: Any) -> int:
    try:
        port = int(given)
    except (TypeError, ValueError):
        port = -1
    if not 0 <= port <= 65535:
        raise WrongUsage(f"the port must be a number from 0 to 65535, not {given!r}")
    return port
