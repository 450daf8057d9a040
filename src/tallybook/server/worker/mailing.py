"""Writes to customers: takes the mails that wait, and hands them to the mail server."""

import logging
import threading
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from tallybook.server.customers import service as customers
from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Mode
from tallybook.server.invoicing import documents
from tallybook.server.invoicing import service as invoicing
from tallybook.server.kernel import clock
from tallybook.server.kernel.locales import DEFAULT_LOCALE
from tallybook.server.mail import service as mail
from tallybook.server.mail import smtp
from tallybook.server.mail.models import Mail, MailKind, Outcome
from tallybook.server.mail.smtp import MailServer
from tallybook.server.seller import service as sellers
from tallybook.server.storage import Database, Tx

log = logging.getLogger("tallybook.mail")
POLL_S: Final = 1.0
CLAIM_MAX: Final = 10


def compose(tx: Tx, one: Mail, server: MailServer) -> EmailMessage:
    """Return the message: a letter with the invoice as a PDF, as it stands now."""
    space = identity.get_space(tx, one.space)
    invoice = invoicing.get(tx, one.space, one.invoice_id)
    customer = customers.get(tx, one.space, one.customer_id)
    parties = invoicing.parties_of(tx, one.space, invoice)
    locale, now = customer.locale or DEFAULT_LOCALE, space.now(clock.now())
    content = documents.content_of(invoice, parties, locale=locale, zone=space.zone, now=now)
    is_reminder = one.kind is MailKind.REMINDER
    letter = documents.letter_of(
        invoice, parties, locale=locale, is_reminder=is_reminder, content=content
    )
    message = EmailMessage()
    test = "[Test] " if space.mode is Mode.TEST else ""
    message["Subject"] = f"{test}{letter.subject}"
    message["From"] = _address(parties.seller.name, server.sender)
    if parties.seller.email is not None:
        message["Reply-To"] = _address(parties.seller.name, parties.seller.email)
    message["To"] = _address(customer.name, one.recipient)
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{one.id}@{server.domain}>"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    pdf = documents.to_pdf(content, sellers.find_logo(tx, one.space, parties.logo))
    name = f"{invoice.number or invoice.id}.pdf"
    message.add_attachment(pdf, maintype="application", subtype="pdf", filename=name)
    return message


def _address(name: str, address: str) -> Address:
    return Address(display_name=" ".join(name.split()), addr_spec=address)


class Mailer:
    """A thread that sends mails until it is stopped; without a server it skips what waits."""

    def __init__(self, db: Database, server: MailServer | None, *, poll_s: float = POLL_S) -> None:
        self._db, self._server, self._poll_s = db, server, poll_s
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self.run, name="tallybook-mail", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stop after the mail at hand."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def run(self) -> None:
        """Send what waits until `stop`."""
        while not self._stopping.is_set():
            try:
                found = self.step()
            except Exception as error:  # noqa: BLE001 - the database may be away for a while
                log.warning("mail waits: %s", error)
                found = False
            if not found:
                self._stopping.wait(self._poll_s)

    def step(self) -> bool:
        """Send what waits now, or skip it; tell whether there was something."""
        now = clock.now()
        if not self._db.read(lambda tx: mail.is_waiting(tx, now=now)):
            return False
        server = self._server
        if server is None:
            self._db.write_now(lambda tx: mail.skip_waiting(tx, now=now))
            return True
        for one in self._db.write_now(lambda tx: mail.claim(tx, now=now, limit=CLAIM_MAX)):
            if self._stopping.is_set():
                break  # its lease ends
            outcome = self._send(one, server)
            if outcome.error is not None:
                log.warning("mail %s about %s: %s", one.id, one.invoice_id, outcome.error)
            self._settle(one, outcome)
        return True

    def _send(self, one: Mail, server: MailServer) -> Outcome:
        try:
            message = self._db.read(lambda tx: compose(tx, one, server))
        except Exception as error:
            log.exception("mail %s cannot be written", one.id)
            return Outcome(f"it cannot be written: {type(error).__name__}", is_final=True)
        return smtp.send(server, message)

    def _settle(self, one: Mail, outcome: Outcome) -> None:
        self._db.write_now(lambda tx: mail.settle(tx, one, outcome, now=clock.now()))
