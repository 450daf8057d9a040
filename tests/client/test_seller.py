"""What the verbs of a logo send, in both forms."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from tallybook.wire.limits import LOGO_BYTES_MAX

from .stand_in import Blocking, StandIn

SELLER = httpx2.Response(200, json={"legal_name": "Agents", "address_lines": []})


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"<svg/>", "application/octet-stream"),
    ],
)
@pytest.mark.parametrize("by", [bytes, str, Path])
def test_a_logo_is_sent_as_it_is(
    form: Blocking, tmp_path: Path, image: bytes, kind: str, by: Any
) -> None:
    server = StandIn(SELLER)
    file = tmp_path / "logo"
    file.write_bytes(image)
    given = image if by is bytes else by(file)
    made = form.do(form.client(server).seller.upload_logo(given, idempotency_key="k"))
    request = server.requests[0]
    assert (server.line, made.legal_name) == ("PUT /seller/logo", "Agents")
    assert (request.content, request.headers["content-type"]) == (image, kind)
    assert request.headers["idempotency-key"] == "k"


def test_of_a_large_file_no_more_is_read_than_is_refused(form: Blocking, tmp_path: Path) -> None:
    server = StandIn(SELLER)
    file = tmp_path / "logo"
    file.write_bytes(b"\x89PNG" + bytes(3 * LOGO_BYTES_MAX))
    form.do(form.client(server).seller.upload_logo(file))
    assert len(server.requests[0].content) == LOGO_BYTES_MAX + 1


def test_a_logo_comes_back_as_bytes_and_goes(form: Blocking) -> None:
    server = StandIn(httpx2.Response(200, content=b"image"), httpx2.Response(204))
    client = form.client(server)
    assert form.do(client.seller.get_logo()) == b"image"
    assert server.line == "GET /seller/logo"
    form.do(client.seller.delete_logo())
    assert server.line == "DELETE /seller/logo"
