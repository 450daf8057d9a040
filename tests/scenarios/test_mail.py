"""A customer is mailed its invoice, and reminded of it, by a server process."""

from datetime import UTC, datetime

import pytest

from tests.e2e.conftest import Server, eventually
from tests.mail import post_office

pytestmark = pytest.mark.slow


def test_invoice_and_reminders_arrive(installation: Server) -> None:
    with post_office.opened() as office:
        (installation.directory / "tallybook.toml").write_text(
            f'smtp_url = "{office.url}"\nmail_from = "billing@acme.example"\n'
        )
        server = installation.start()
        key = server.json("projects", "create", "Acme")["test_key"]
        with server.client(key) as client:
            client.test_clock.advance(datetime(2026, 1, 1, tzinfo=UTC))
            client.customers.create(name="Zoë", external_id="zoe", email="zoe@example.com")
            invoice = client.invoices.create(
                customer_external_id="zoe",
                line_items=[{"description": "Work", "unit_price": "99"}],
                due_date="2026-01-10",
            )
            client.invoices.finalize(invoice.id, send_email=True)
            eventually(lambda: len(office.taken) == 1)
            client.test_clock.advance(datetime(2026, 1, 20, tzinfo=UTC))
            eventually(lambda: len(office.taken) == 5)
            shown = client.invoices.get(invoice.id)
            assert (shown.status, shown.amount_due) == ("uncollectible", 99)
            mails = client.invoices.list_emails(invoice.id).data
            assert [mail.kind for mail in mails] == ["invoice", *["reminder"] * 4]
            eventually(
                lambda: (
                    {mail.status for mail in client.invoices.list_emails(invoice.id)} == {"sent"}
                )
            )
    assert len({message["Message-ID"] for message in office.taken}) == 5
