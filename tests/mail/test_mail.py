"""Mails about invoices, through a real SMTP server; on both databases."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from tallybook.server.kernel import clock
from tallybook.server.mail import smtp
from tallybook.server.mail.models import RETRIES
from tallybook.server.mail.smtp import MailServer, parse_server
from tallybook.server.storage import Database
from tallybook.server.worker.mailing import Mailer
from tests.billing.conftest import Books, books

from . import post_office
from .post_office import PostOffice

__all__ = ["books"]
FROM = "billing@tallybook.example"


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office.opened() as opened:
        yield opened


@pytest.fixture
def work(db: Database, office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """Let the mailer run once, some time later in real time."""
    real = clock.now

    def run(after: timedelta = timedelta(0), *, server: MailServer | None = None) -> bool:
        monkeypatch.setattr(clock, "now", lambda: real() + after)
        try:
            return Mailer(db, server or parse_server(office.url, FROM)).step()
        finally:
            monkeypatch.setattr(clock, "now", real)

    return run


def owe(books: Books, *, send: bool = True, **customer: Any) -> str:
    fields = {"email": "pay@acme.example", **customer}
    books.post("/customers", {"name": "Acme Ltd", "external_id": "acme", **fields})
    lines = [{"description": "Tokens", "quantity": "1200", "unit_price": "0.0125"}]
    body = {"customer_external_id": "acme", "line_items": lines}
    invoice = books.post("/invoices", body)
    books.post(f"/invoices/{invoice['id']}/finalize", {"send_email": send})
    return str(invoice["id"])


def mails(books: Books, invoice: str) -> list[Any]:
    found: list[Any] = books.get(f"/invoices/{invoice}/emails")["data"]
    return found


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_a_finalized_invoice_is_mailed_once(
    books: Books, office: PostOffice, work: Callable[..., bool]
) -> None:
    invoice = owe(books)
    assert office.taken == [], "nothing leaves in the request"
    assert work() is True
    assert work() is False
    (message,) = office.taken
    assert message["Subject"] == "[Test] Invoice INV-000001 – Acme"
    assert message["From"] == f"Acme <{FROM}>"
    assert message["To"] == "Acme Ltd <pay@acme.example>"
    assert "It comes to $15.00." in text_of(message)
    html = message.get_body(("html",))
    assert html is not None
    assert "Hello Acme Ltd," in html.get_content()
    (pdf,) = message.iter_attachments()
    assert (pdf.get_filename(), pdf.get_content()[:5]) == ("INV-000001.pdf", b"%PDF-")
    (mail,) = mails(books, invoice)
    assert (mail["kind"], mail["status"], mail["attempts"]) == ("invoice", "sent", 1)
    assert mail["sent_at"] is not None
    assert message["Message-ID"] == f"<{mail['id']}@tallybook.example>"
    books.post(f"/invoices/{invoice}/send")
    work()
    assert len(office.taken) == 2, "sent again, because it was asked for again"


def test_it_is_written_in_the_customers_language(
    books: Books, office: PostOffice, work: Callable[..., bool]
) -> None:
    owe(books, name="Müller GmbH", locale="de-DE")
    work()
    (message,) = office.taken
    assert message["Subject"] == "[Test] Rechnung INV-000001 – Acme"
    assert message["To"].addresses[0].display_name == "Müller GmbH"
    assert "Guten Tag Müller GmbH," in text_of(message)
    assert "15,00\N{NO-BREAK SPACE}$" in text_of(message)


def test_it_says_who_sells_and_how_to_pay(
    books: Books, office: PostOffice, work: Callable[..., bool]
) -> None:
    seller = {
        "legal_name": "Tally & Söhne GmbH",
        "email": "office@tally.example",
        "payment_instructions": "IBAN DE02 1203\nBIC <B>",
        "footer": "HRB 1",
    }
    assert books.http.patch("/seller", json=seller).status_code == 200
    owe(books)
    work()
    (message,) = office.taken
    assert message["From"].addresses[0].display_name == "Tally & Söhne GmbH"
    assert message["Reply-To"].addresses[0].addr_spec == "office@tally.example"
    below = ["How to pay", "IBAN DE02 1203", "BIC <B>", "", "Tally & Söhne GmbH", "HRB 1"]
    assert text_of(message).splitlines()[-6:] == below
    html = message.get_body(("html",))
    assert html is not None
    assert "IBAN DE02 1203<br>BIC &lt;B&gt;" in html.get_content()


def test_a_name_cannot_add_headers_or_markup(
    books: Books, office: PostOffice, work: Callable[..., bool]
) -> None:
    owe(books, name="Eve\r\nBcc: all@acme.example <script>alert(1)</script>")
    work()
    (message,) = office.taken
    assert message["Bcc"] is None
    html = message.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()


def test_what_the_server_cannot_take_now_is_tried_again(
    books: Books, office: PostOffice, work: Callable[..., bool]
) -> None:
    invoice = owe(books)
    office.answers = ["451 busy"]
    work()
    (mail,) = mails(books, invoice)
    assert (mail["status"], mail["last_error"]) == ("queued", "451 busy")
    assert work(RETRIES[0] - timedelta(seconds=5)) is False
    assert work(RETRIES[0] + timedelta(seconds=1)) is True
    (mail,) = mails(books, invoice)
    assert (mail["status"], mail["attempts"], mail["last_error"]) == ("sent", 2, None)
    assert len(office.taken) == 1


def test_it_fails_after_the_last_attempt_and_at_once_where_it_is_refused_for_ever(
    books: Books, office: PostOffice, work: Callable[..., bool]
) -> None:
    invoice = owe(books)
    office.answers = ["451 busy"] * 10
    later = timedelta(0)
    for wait in (timedelta(0), *RETRIES):
        later += wait + timedelta(seconds=1)
        assert work(later) is True
    (mail,) = mails(books, invoice)
    assert (mail["status"], mail["attempts"]) == ("failed", 6)
    assert work(timedelta(days=30)) is False
    office.answers = []
    office.refused = {"pay@acme.example": "550 no such user"}
    books.post(f"/invoices/{invoice}/send")
    work()
    second = mails(books, invoice)[1]
    assert (second["status"], second["attempts"]) == ("failed", 1)
    assert second["last_error"] == "the address was refused: 550 no such user"
    assert office.taken == []


def test_a_server_that_is_away_loses_no_mail(
    books: Books, office: PostOffice, work: Callable[..., bool]
) -> None:
    invoice = owe(books)
    away = MailServer("127.0.0.1", 1, FROM, is_plain=True)
    work(server=away)
    (mail,) = mails(books, invoice)
    assert mail["status"] == "queued"
    assert mail["last_error"].startswith("the mail server was not reached")
    work(RETRIES[0] + timedelta(seconds=1))
    assert len(office.taken) == 1


def test_a_mailer_that_dies_with_a_mail_leaves_it_to_the_next(
    books: Books,
    db: Database,
    office: PostOffice,
    work: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    invoice = owe(books)

    def die(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(smtp, "send", die)
        with pytest.raises(SystemExit):
            Mailer(db, parse_server(office.url, FROM)).step()
    assert work() is False, "its lease runs"
    assert work(timedelta(minutes=6)) is True
    (mail,) = mails(books, invoice)
    assert (mail["status"], mail["attempts"], len(office.taken)) == ("sent", 2, 1)


def test_without_a_server_nothing_waits(
    books: Books, db: Database, office: PostOffice, work: Callable[..., bool]
) -> None:
    invoice = owe(books)
    assert Mailer(db, None).step() is True
    (mail,) = mails(books, invoice)
    assert (mail["status"], mail["attempts"]) == ("skipped", 0)
    work()
    assert office.taken == []


def test_who_has_no_address_is_not_written_to(
    books: Books, office: PostOffice, work: Callable[..., bool]
) -> None:
    invoice = owe(books, email=None)
    assert mails(books, invoice) == []
    assert work() is False
    assert books.get(f"/invoices/{invoice}")["sent_at"] is not None


def test_who_is_past_due_is_reminded(
    books: Books, office: PostOffice, work: Callable[..., bool]
) -> None:
    books.advance("2026-01-01T00:00:00Z")
    invoice = owe(books, send=False)
    books.advance("2026-02-02T00:00:00Z")
    work()
    assert [message["Subject"] for message in office.taken] == [
        "[Test] Reminder: invoice INV-000001"
    ] * 2
    assert "$15.00 of it are not paid yet" in text_of(office.taken[0])
    assert [mail["kind"] for mail in mails(books, invoice)] == ["reminder"] * 2


def test_logins(office: PostOffice) -> None:
    message = EmailMessage()
    message["Subject"], message["To"] = "x", "pay@acme.example"
    message.set_content("x")
    port = int(office.url.split(":")[2].split("?")[0])
    good = MailServer("127.0.0.1", port, FROM, is_plain=True, user="me", password="open sesame")
    assert smtp.send(good, message).error is None
    bad = MailServer("127.0.0.1", port, FROM, is_plain=True, user="me", password="wrong")
    outcome = smtp.send(bad, message)
    assert (outcome.error, outcome.is_final) == ("the mail server refused our login: 535", False)
    before = len(office.logins)
    encrypted = MailServer("127.0.0.1", port, FROM, user="me", password="open sesame")
    outcome = smtp.send(encrypted, message)
    assert "STARTTLS" in (outcome.error or "")
    assert len(office.logins) == before, "no password without encryption"


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("http://host", FROM),
        ("smtp://", FROM),
        ("smtp://host", None),
        ("smtp://host", "nobody"),
        ("smtp://host", "A <a@b.example>"),
        ("smtp://host?tls=maybe", FROM),
        ("smtp://host?other=1", FROM),
        ("smtp://me:secret@mail.example?tls=none", FROM),
    ],
)
def test_settings_that_are_refused(url: str, sender: str | None) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_server(url, sender)


def test_settings_that_are_read() -> None:
    server = parse_server("smtps://me%40x:s%3Acret@mail.example", FROM)
    assert (server.host, server.port, server.is_tls) == ("mail.example", 465, True)
    assert (server.user, server.password, server.domain) == (
        "me@x",
        "s:cret",
        "tallybook.example",
    )
    assert "cret" not in repr(server)
    assert parse_server("smtp://mail.example", FROM).port == 587
