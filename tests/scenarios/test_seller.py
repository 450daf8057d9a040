"""Who sells, set once on the command line, stands on what is sent from then on."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tallybook import UnprocessableEntityError
from tallybook.server.cli.app import app
from tests.api.pictures import jpeg, png
from tests.e2e.conftest import Server

pytestmark = pytest.mark.slow
LINE = {"description": "Work", "quantity": 1, "unit_price": 9}


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_the_seller_from_the_command_line_to_the_document(server: Server, tmp_path: Path) -> None:
    made = server.json("projects", "create", "Agents")

    def said(*args: str) -> Result:
        key = made["test_key"]
        settings = {"TALLYBOOK_API_KEY": key, "TALLYBOOK_BASE_URL": server.url, "NO_COLOR": "1"}
        return CliRunner().invoke(app, list(args), env=settings)

    def run(*args: str) -> Any:
        result = said(*args, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    with server.client(made["test_key"]) as client:
        client.customers.create(name="Acme", external_id="acme")

        def send() -> str:
            made = client.invoices.create(
                customer_external_id="acme", line_items=[LINE], status="open"
            )
            return made.id

        before = send()
        set_it = ("seller", "set", "--legal-name", "Agents GmbH", "--address-line", "Hauptstr. 1")
        shown = run(*set_it, "--postal-code", "10115", "--city", "Berlin", "--country", "DE")
        assert (shown["address_lines"], shown["country"]) == (["Hauptstr. 1"], "DE")
        assert client.seller.update(footer="HRB 1", tax_id=None).footer == "HRB 1"
        after = client.invoices.get_html(send())
        for text in ("Agents GmbH", "Hauptstr. 1", "10115 Berlin", "Germany", "HRB 1"):
            assert text in after
        assert "GmbH" not in client.invoices.get_html(before), "what is sent stays"
        assert run("seller", "set", "--footer", "")["footer"] is None
        assert "city" in said("seller", "get").stdout
        with pytest.raises(UnprocessableEntityError, match="ISO 3166"):
            client.seller.update(country="QQ")
        file = tmp_path / "logo.png"
        file.write_bytes(png(300, 100))
        assert run("seller", "logo", str(file))["logo"]["width"] == 300
        assert client.seller.get_logo() == file.read_bytes()
        assert "300 x 100" in said("seller", "logo").stdout
        assert "image/png" in client.invoices.get_html(send())
        file.write_bytes(b"<svg/>")
        refused = said("seller", "logo", str(file))
        assert (refused.exit_code, "4000 x 4000" in refused.stderr) == (1, True)
        assert said("seller", "logo", str(tmp_path / "none.png")).exit_code == 2
        assert said("seller", "logo", str(file), "--delete").exit_code == 2
        assert run("seller", "logo", "--delete")["logo"] is None
        assert client.seller.upload_logo(jpeg()).logo
    with server.client(made["live_key"]) as live:
        assert live.seller.get().legal_name is None
