"""Invoices as documents: what stands on them, in every language, and nothing that was not meant."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typst
from fastapi.testclient import TestClient

from tallybook.server.invoicing.documents import content_of, to_html, to_pdf
from tallybook.server.invoicing.models import (
    CollectionMethod,
    Invoice,
    InvoiceStatus,
    InvoiceType,
    Line,
    Parties,
    Party,
    Tax,
)
from tallybook.server.kernel.locales import UnknownLocale

NOW = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
ARABIC = "شركة الكويت للتقنية"
HOSTILE = '#panic("x") <script>alert(1)</script> $x$ \\ @a *b* _c_ [d] `e` "f'

SELLER = Party("Tallybook Ltd")
BUYER = Party("Acme", "1 Main Street\nKuwait City", tax_id="KW-12", email="pay@acme.example")


def line(number: int = 1, **fields: Any) -> Line:
    defaults: dict[str, Any] = {
        "id": f"ili_{number}",
        "sort_order": number,
        "description": f"Tokens, part {number}",
        "quantity": Decimal("1234567.5"),
        "unit_price": Decimal("0.000012"),
        "period_start": NOW,
        "period_end": APRIL,
        "included_units_used": Decimal(100),
        "subtotal": Decimal("14.81"),
        "discount": Decimal(0),
        "total": Decimal("14.81"),
        "tax": Decimal("1.11"),
    }
    return Line(**{**defaults, **fields})


def invoice(**fields: Any) -> Invoice:
    defaults: dict[str, Any] = {
        "id": "inv_1",
        "number": "INV-000042",
        "customer_id": "cus_1",
        "currency": "USD",
        "type": InvoiceType.CYCLE,
        "status": InvoiceStatus.OPEN,
        "issue_date": date(2026, 4, 1),
        "due_date": date(2026, 5, 1),
        "payment_terms": 30,
        "collection_method": CollectionMethod.SEND_INVOICE,
        "created_at": NOW,
        "updated_at": NOW,
        "period_start": NOW,
        "period_end": APRIL,
        "lines": (line(),),
        "taxes": (Tax("VAT", Decimal("0.075"), Decimal("14.81"), Decimal("1.11")),),
        "subtotal": Decimal("14.81"),
        "tax_total": Decimal("1.11"),
        "total": Decimal("15.92"),
    }
    return Invoice(**{**defaults, **fields})


def content(
    made: Invoice | None = None,
    *,
    parties: Parties | None = None,
    buyer: Party | None = None,
    locale: str = "en",
) -> dict[str, Any]:
    return content_of(
        made or invoice(),
        parties or Parties(SELLER, buyer or BUYER),
        locale=locale,
        zone=ZoneInfo("UTC"),
        now=NOW,
    )


def pages(shown: dict[str, Any]) -> int:
    """Return how many pages the document has, as the maker counts them."""
    assert to_pdf(shown).startswith(b"%PDF-")
    from tallybook.server.invoicing.documents import render

    template = (render._HERE / "document.typ").read_bytes()
    made = typst.compile(
        template,
        font_paths=[str(render._FONTS)],
        ignore_system_fonts=True,
        format="svg",
        sys_inputs={"content": __import__("json").dumps(shown)},
    )
    return len(made) if isinstance(made, list) else 1


def test_a_pdf_tells_no_time() -> None:
    made = to_pdf(content())
    assert b"CreationDate" not in made
    assert made == to_pdf(content())


def test_what_stands_on_it() -> None:
    shown = content()
    assert shown["facts"] == [
        ["Issued", "April 1, 2026"],
        ["Due", "May 1, 2026"],
        ["Period", "Mar 1, 2026 – Mar 31, 2026"],
    ]
    assert shown["lines"] == [
        {
            "description": "Tokens, part 1",
            "details": "Mar 1, 2026 – Mar 31, 2026 · 100 included",
            "figures": ["1,234,567.5", "$0.000012", "$14.81"],
        }
    ]
    assert shown["figures"] == [
        ["Subtotal", "$14.81"],
        ["VAT (7.5%)", "$1.11"],
        ["Total", "$15.92"],
    ]
    assert shown["result"] == ["Amount due", "$15.92"]
    assert shown["buyer"]["lines"] == [
        "1 Main Street",
        "Kuwait City",
        "Tax ID KW-12",
        "pay@acme.example",
    ]


@pytest.mark.parametrize(
    ("locale", "currency", "total", "written"),
    [
        ("en", "JPY", "1500", "¥1,500"),
        ("de", "EUR", "1500.5", "1.500,50\xa0€"),
        ("en", "KWD", "1.5", "KWD\xa01.500"),
        ("fr", "EUR", "1500.5", "1\u202f500,50\xa0€"),
    ],
)
def test_money_is_written_in_its_places_and_its_way(
    locale: str, currency: str, total: str, written: str
) -> None:
    made = invoice(currency=currency, total=Decimal(total), lines=(), taxes=())
    assert content(made, locale=locale)["result"][1] == written


@pytest.mark.parametrize(
    ("status", "stamp"),
    [("draft", "Draft"), ("open", ""), ("paid", "Paid"), ("void", "Void")],
)
def test_the_stamp_says_how_it_stands(status: str, stamp: str) -> None:
    assert content(invoice(status=InvoiceStatus(status)))["stamp"] == stamp


def test_past_due_is_said() -> None:
    assert content(invoice(due_at=NOW))["stamp"] == "Past due"


def test_long_tables_go_over_pages() -> None:
    many = tuple(line(number) for number in range(1, 121))
    assert pages(content(invoice(lines=many))) > 3
    assert pages(content()) == 1


@pytest.mark.parametrize("locale", ["en", "ar", "he", "de-AT"])
def test_it_is_made_in_either_direction(locale: str) -> None:
    shown = content(buyer=Party(ARABIC, "הרצל 1"), locale=locale)
    assert shown["direction"] == ("rtl" if locale in ("ar", "he") else "ltr")
    assert to_pdf(shown).startswith(b"%PDF-")
    assert ARABIC in to_html(shown)


def test_the_longest_figures_are_written_whole() -> None:
    most = Decimal("123456789012345678.123456789012")
    lines = (line(quantity=most, unit_price=Decimal("0.000000000001")),)
    shown = content(invoice(lines=lines))
    figures = ["123,456,789,012,345,678.123456789012", "$0.000000000001", "$14.81"]
    assert shown["lines"][0]["figures"] == figures
    assert pages(shown) == 1


def test_one_word_of_a_whole_text_goes_over_pages() -> None:
    assert pages(content(invoice(lines=(line(description="x" * 10_000),)))) > 1


@pytest.mark.parametrize("name", ["株式会社", "บริษัท", "हिन्दी", "🐘"])
def test_a_script_that_our_fonts_lack_is_no_error(name: str) -> None:
    shown = content(buyer=Party(name, name))
    assert to_pdf(shown).startswith(b"%PDF-")
    assert name in to_html(shown)


def test_nothing_in_it_is_markup() -> None:
    shown = content(
        invoice(lines=(line(description=HOSTILE),), notes=HOSTILE), buyer=Party(HOSTILE, HOSTILE)
    )
    assert pages(shown) == 1
    page = to_html(shown)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(UnknownLocale):
        content(locale="xx-YY-zz")


def test_documents_over_http(api: TestClient) -> None:
    customer = {"name": ARABIC, "external_id": "acme", "locale": "ar-KW", "address": "1 Main St"}
    assert api.post("/customers", json=customer).status_code == 201
    made = api.post(
        "/invoices",
        json={
            "customer_external_id": "acme",
            "status": "open",
            "line_items": [{"description": "Work", "quantity": "2", "unit_price": "3"}],
        },
    ).json()
    pdf = api.get(f"/invoices/{made['id']}/pdf")
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    assert pdf.content.startswith(b"%PDF-")
    assert pdf.headers["content-disposition"] == f'inline; filename="{made["number"]}.pdf"'
    page = api.get(f"/invoices/{made['id']}/html")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert ARABIC in page.text
    assert api.get("/invoices/inv_none/pdf").json()["code"] == "invoice_not_found"
    refused = api.patch("/customers/external/acme", json={"locale": "tlh-QQ"})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_locale")
