"""One way out: SMTP, by the standard library."""

import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from .models import Outcome

TIMEOUT_S: Final = 20.0
_PORTS: Final = {"smtp": 587, "smtps": 465}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over, and in whose name."""

    host: str
    port: int
    sender: str  # an address: billing@example.com
    is_tls: bool = False  # from the first byte; else STARTTLS
    is_plain: bool = False  # no encryption at all
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def domain(self) -> str:
        return self.sender.rpartition("@")[2]


def parse_server(url: str, sender: str | None) -> MailServer:
    """Read `smtp://user:password@host:587` or `smtps://…`; `?tls=none` switches encryption off.

    Errors: ValueError, with what is wrong.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("write smtp://user:password@host:587, or smtps://… for TLS from the start")
    query = parse_qs(parts.query)
    tls = query.pop("tls", ["required"])[-1]
    if query or tls not in ("required", "none"):
        raise ValueError("after the host only ?tls=none is known")
    address = parseaddr(sender or "")[1]
    if "@" not in address or address != (sender or "").strip():
        raise ValueError("mail_from must be the address that mails come from: billing@example.com")
    is_plain = tls == "none"
    if is_plain and parts.username and parts.hostname not in _LOOPBACK:
        raise ValueError("a password is not sent without encryption: leave ?tls=none away")
    return MailServer(
        host=parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        sender=address,
        is_tls=parts.scheme == "smtps",
        is_plain=is_plain,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def send(server: MailServer, message: EmailMessage) -> Outcome:
    """Hand a message over; what went wrong is an outcome too."""
    try:
        with _connected(server) as connection:
            if server.user is not None:
                connection.login(server.user, server.password or "")
            connection.send_message(message, from_addr=server.sender)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return Outcome(f"the address was refused: {_first(error)}", all(c >= 500 for c in codes))
    except smtplib.SMTPAuthenticationError as error:
        return Outcome(f"the mail server refused our login: {error.smtp_code}")
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return Outcome(f"{error.smtp_code} {text}", error.smtp_code >= 500)
    except (OSError, smtplib.SMTPException) as error:
        return Outcome(f"the mail server was not reached: {error}")
    return Outcome()


def _connected(server: MailServer) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.is_tls:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=context)
    connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
    try:
        if not server.is_plain:
            connection.starttls(context=context)
    except BaseException:
        connection.close()
        raise
    return connection


def _first(error: smtplib.SMTPRecipientsRefused) -> str:
    code, text = next(iter(error.recipients.values()))
    return f"{code} {text.decode('utf-8', 'replace')}"
