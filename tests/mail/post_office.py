"""A real SMTP server that keeps what it takes, and refuses what it is told to."""

from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class PostOffice:
    """`answers` are given to the next messages, one each; then all are taken."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.answers: list[str] = []
        self.refused: dict[str, str] = {}
        self.logins: list[tuple[bytes, bytes]] = []
        self.url = ""

    async def handle_RCPT(  # noqa: N802 - the library's names
        self, _server: SMTP, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answers:
            return self.answers.pop(0)
        message = BytesParser(EmailMessage, policy=default).parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        self.taken.append(message)
        return "250 OK"

    def authenticate(self, _s: Any, _session: Any, _e: Any, _m: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"open sesame", handled=False)


class _Controller(Controller):
    """Port 0 takes a free one; the library would then look for itself at port 0."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def opened() -> Iterator[PostOffice]:
    office = PostOffice()
    controller = _Controller(
        office,
        hostname="127.0.0.1",
        port=0,
        authenticator=office.authenticate,
        auth_require_tls=False,
    )
    controller.start()
    try:
        office.url = f"smtp://127.0.0.1:{controller.port}?tls=none"
        yield office
    finally:
        controller.stop()
