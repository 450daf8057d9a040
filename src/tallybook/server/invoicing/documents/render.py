"""The document in its two forms. Text comes in as data: none of it is ever markup."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import jinja2
import typst

_HERE: Final = Path(__file__).parent
_FONTS: Final = _HERE / "fonts"


def to_pdf(content: Mapping[str, Any]) -> bytes:
    """Return a PDF; fonts are our own, so that it looks the same everywhere."""
    made = typst.compile(
        (_HERE / "document.typ").read_bytes(),
        font_paths=cast("Any", [str(_FONTS)]),
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"content": json.dumps(content)},
    )
    assert isinstance(made, bytes)
    return made


def to_html(content: Mapping[str, Any]) -> str:
    """Return a page that needs nothing else: no script, no file beside it."""
    return _template().render(content)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string((_HERE / "document.html").read_text("utf-8"))
