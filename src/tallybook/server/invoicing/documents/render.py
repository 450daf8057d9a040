"""The document in its two forms. Text comes in as data: none of it is ever markup."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import jinja2
import typst

_HERE: Final = Path(__file__).parent
_FONTS: Final = _HERE / "fonts"
_NOT_OURS: Final = re.compile("[\u0900-\u109f\u1100-\u1cff\u2e80-\ufb1c\U00010000-\U0010ffff]")


def to_pdf(content: Mapping[str, Any]) -> bytes:
    """Return a PDF; fonts are our own, so that it looks the same everywhere.

    Scripts that ours lack, such as Chinese, are written in a font of this machine, if it has one.
    """
    written = json.dumps(content, ensure_ascii=False)
    made = typst.compile(
        (_HERE / "document.typ").read_bytes(),
        font_paths=_fonts(with_others=_NOT_OURS.search(written) is not None),
        format="pdf",
        sys_inputs={"content": written},
    )
    assert isinstance(made, bytes)
    return made


@cache
def _fonts(*, with_others: bool) -> typst.Fonts:
    return typst.Fonts(
        include_system_fonts=with_others,
        include_embedded_fonts=False,
        font_paths=cast("Any", [str(_FONTS)]),
    )


def to_html(content: Mapping[str, Any]) -> str:
    """Return a page that needs nothing else: no script, no file beside it."""
    return _template().render(content)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string((_HERE / "document.html").read_text("utf-8"))
