"""A logo over HTTP: what is taken, what is refused, and which documents show it."""

import base64
import zlib
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tallybook.wire.limits import LOGO_BYTES_MAX

from .pictures import MAGIC, chunk, jpeg, png, segment
from .test_seller import html, sent

PATH = "/seller/logo"
PNG, JPEG = {"Content-Type": "image/png"}, {"Content-Type": "image/jpeg"}


def put(api: TestClient, image: bytes, headers: dict[str, str] = PNG) -> Any:
    return api.put(PATH, content=image, headers=headers)


@pytest.mark.parametrize(
    ("image", "headers", "size", "name"),
    [
        (png(), PNG, (12, 6), "logo.png"),
        (jpeg(), JPEG, (16, 8), "logo.jpeg"),
        (jpeg(4000, 1), JPEG, (4000, 1), "logo.jpeg"),
        (png(1, 4000), {"Content-Type": "Image/PNG; charset=binary"}, (1, 4000), "logo.png"),
    ],
)
def test_what_is_uploaded_comes_back(
    api: TestClient, image: bytes, headers: dict[str, str], size: tuple[int, int], name: str
) -> None:
    missing = api.get(PATH)
    assert (missing.status_code, missing.json()["code"]) == (404, "logo_not_found")
    made = put(api, image, headers)
    assert made.status_code == 200, made.text
    logo = made.json()["logo"]
    assert (logo["width"], logo["height"], logo["size"]) == (*size, len(image))
    assert api.get("/seller").json()["logo"] == logo
    back = api.get(PATH)
    assert back.content == image
    kind = "image/" + name.partition(".")[2]
    assert (back.headers["content-type"], logo["content_type"]) == (kind, kind)
    assert back.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert back.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in back.headers["content-security-policy"]
    for _ in range(2):
        assert api.delete(PATH).status_code == 204
        assert api.get(PATH).status_code == 404
    assert api.get("/seller").json()["logo"] is None


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
SCRIPT = b"<script>alert(1)</script>"
BOMB = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(20_000_000), 9))
MOVES = chunk(b"acTL", bytes(8))
DAMAGED = png()[:-20] + bytes([png()[-20] ^ 1]) + png()[-19:]


@pytest.mark.parametrize(
    ("image", "headers", "says"),
    [
        (b"", PNG, "neither a PNG nor a JPEG"),
        (SVG, {"Content-Type": "image/svg+xml"}, "neither a PNG nor a JPEG"),
        (SVG, PNG, "neither a PNG nor a JPEG"),
        (b"GIF89a" + bytes(30), {"Content-Type": "image/gif"}, "neither a PNG nor a JPEG"),
        (png(), JPEG, "image/png"),
        (jpeg(), PNG, "image/jpeg"),
        (png(), {"Content-Type": "application/json"}, "image/png"),
        (MAGIC, PNG, "cut off"),
        (png()[:40], PNG, "cut off"),
        (png()[:-12], PNG, "cut off"),
        (DAMAGED, PNG, "checksum"),
        (png(pixels=bytes(30)), PNG, "pixels are cut off"),
        (png(pixels=bytes(30_000_000)), PNG, "more pixels than its header"),
        (png(4001, 1), PNG, "4001 x 1 pixels"),
        (png(0, 1), PNG, "0 x 1 pixels"),
        (png(2**31 - 1, 2**31 - 1, pixels=b"\0"), PNG, "2147483647 x 2147483647"),
        (png(depth=3), PNG, "header is broken"),
        (png(pixels=b"\x09" + bytes(36) + (b"\0" + bytes(36)) * 5), PNG, "pixels are damaged"),
        (png() + SCRIPT, PNG, "stands behind"),
        (png(more=(MOVES,)), PNG, "it moves"),
        (png(more=(BOMB,)), PNG, "too large, or broken"),
        (png(more=(chunk(b"EVIL", b""),)), PNG, "a part that no PNG has"),
        (jpeg()[:-2], JPEG, "cut off"),
        (jpeg()[:60], JPEG, "cut off"),
        (jpeg() + SCRIPT, JPEG, "stands behind"),
        (jpeg(4001, 8), JPEG, "4001 x 8 pixels"),
        (jpeg(frame=0xC9), JPEG, "browsers do not show"),
        (b"\xff\xd8\xff\xd9", JPEG, "no pixels"),
        (b"\xff\xd8" + segment(0xE0, b"JFIF") + b"\xff\xd9", JPEG, "no pixels"),
    ],
)
def test_what_is_no_sound_image_is_refused_and_nothing_is_written(
    api: TestClient, image: bytes, headers: dict[str, str], says: str
) -> None:
    put(api, png(3, 3))
    before = api.get("/seller").json()
    refused = put(api, image, headers)
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (422, "logo_refused")
    assert refused.headers["content-type"] == "application/problem+json"
    assert says in problem["detail"]
    assert "PNG or JPEG of at most 4000 x 4000 pixels and 512 KiB" in problem["detail"]
    assert api.get("/seller").json() == before


def test_a_logo_over_the_limit_is_refused(api: TestClient) -> None:
    padded = png(more=(chunk(b"prVt", bytes(LOGO_BYTES_MAX)),))
    refused = put(api, padded)
    assert (refused.status_code, refused.json()["code"]) == (413, "logo_too_large")
    assert str(LOGO_BYTES_MAX) in refused.json()["detail"]
    fits = png(more=(chunk(b"prVt", bytes(LOGO_BYTES_MAX - len(png()) - 12)),))
    assert len(fits) == LOGO_BYTES_MAX
    assert put(api, fits).status_code == 200


def test_a_key_of_nobody_uploads_nothing(api: TestClient) -> None:
    for key in ("Bearer tb_test_none", "Basic x", ""):
        refused = put(api, png(), {**PNG, "Authorization": key})
        assert refused.status_code == 401
    assert api.get(PATH).status_code == 404


def test_the_same_call_again_is_answered_as_before(api: TestClient) -> None:
    keyed = {**PNG, "Idempotency-Key": "1"}
    first = put(api, png(), keyed)
    put(api, png(colour=(1, 2, 3)))
    again = put(api, png(), keyed)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    other = put(api, png(colour=(1, 2, 4)), keyed)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def source(image: bytes, kind: str = "image/png") -> str:
    return f'src="data:{kind};base64,{base64.b64encode(image).decode()}"'


def test_a_finalized_invoice_keeps_its_logo(api: TestClient) -> None:
    api.post("/customers", json={"name": "Acme", "external_id": "acme"})
    plain = sent(api, status="open")
    old, new = png(colour=(200, 0, 0)), jpeg()
    put(api, old)
    kept, draft = sent(api, status="open"), sent(api)
    note = {"invoice_id": kept, "amount": "1", "reason": "sorry"}
    credited = api.post("/credit-notes", json=note).json()["id"]
    assert source(old) in html(api, kept)
    assert source(old) in html(api, draft)
    assert "<img" not in html(api, plain)
    pdfs = [
        api.get(f"/invoices/{kept}/pdf").content,
        api.get(f"/credit-notes/{credited}/pdf").content,
    ]
    assert all(b"/Subtype /Image" in pdf or b"/Subtype/Image" in pdf for pdf in pdfs)
    put(api, new, JPEG)
    assert source(new, "image/jpeg") in html(api, draft)
    for _ in range(2):  # replaced, and then taken off
        assert source(old) in html(api, kept)
        assert source(old) in api.get(f"/credit-notes/{credited}/html").text
        assert api.get(f"/invoices/{kept}/pdf").content == pdfs[0]
        assert api.get(f"/credit-notes/{credited}/pdf").content == pdfs[1]
        assert api.delete(PATH).status_code == 204
    assert "<img" not in html(api, draft)
    page = api.get(f"/invoices/{kept}/html")
    assert "img-src data:;" in page.headers["content-security-policy"]
