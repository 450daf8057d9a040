"""The document in its two forms. Text comes in as data: none of it is ever markup."""

import base64
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import jinja2

if TYPE_CHECKING:
    import typst

from tallybook.server.seller.models import Logo, LogoImage

_HERE: Final = Path(__file__).parent
_LOGO_BOX: Final = (240, 72)  # CSS pixels: 6.35 cm by 1.9 cm
_FONTS: Final = _HERE / "fonts"
_NOT_OURS: Final = re.compile("[\u0900-\u109f\u1100-\u1cff\u2e80-\ufb1c\U00010000-\U0010ffff]")


def to_pdf(content: Mapping[str, Any], logo: LogoImage | None = None) -> bytes:
    """Return a PDF; fonts are our own, so that it looks the same everywhere.

    Scripts that ours lack, such as Chinese, are written in a font of this machine, if it has one.
    """
    import typst  # here, for a server that makes none does without its 7 MB

    written = json.dumps(content, ensure_ascii=False)
    made = typst.compile(
        (_HERE / "document.typ").read_bytes(),
        font_paths=_fonts(with_others=_NOT_OURS.search(written) is not None),
        format="pdf",
        sys_inputs={"content": written, "logo": json.dumps(_logo_in_pdf(logo))},
    )
    assert isinstance(made, bytes)
    return made


@cache
def _fonts(*, with_others: bool) -> "typst.Fonts":
    import typst

    return typst.Fonts(
        include_system_fonts=with_others,
        include_embedded_fonts=False,
        font_paths=cast("Any", [str(_FONTS)]),
    )


def _logo_in_pdf(logo: LogoImage | None) -> Mapping[str, Any] | None:
    if logo is None:
        return None
    width, height = _fit(logo.logo)
    return {"bytes": list(logo.content), "width": width, "height": height}


def _fit(logo: Logo) -> tuple[float, float]:
    """Return how large a logo is shown, in CSS pixels: its own size, or what fits in the box."""
    wide, high = _LOGO_BOX
    scale = min(1, wide / logo.width, high / logo.height)
    return logo.width * scale, logo.height * scale


def to_html(content: Mapping[str, Any], logo: LogoImage | None = None) -> str:
    """Return a page that needs nothing else: no script, no file beside it."""
    shown = None
    if logo is not None:
        width, height = _fit(logo.logo)
        data = base64.b64encode(logo.content).decode()
        source = f"data:{logo.logo.content_type};base64,{data}"
        shown = {"source": source, "width": f"{width:.2f}", "height": f"{height:.2f}"}
    return _template().render(content, logo=shown)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string((_HERE / "document.html").read_text("utf-8"))
