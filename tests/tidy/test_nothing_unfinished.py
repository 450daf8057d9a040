"""What is in src works: no promises for later."""

import ast
import re
from collections.abc import Iterator

import pytest

from .source import Source, require_none

MARKS = re.compile(r"\b(TODO|FIXME|XXX)\b")


def unfinished(source: Source) -> Iterator[str]:
    for number, line in enumerate(source.text.splitlines(), start=1):
        if mark := MARKS.search(line):
            yield source.at(number, f"{mark[0]}: do it, or file it as an issue")
    for node in source.nodes():
        if isinstance(node, ast.Name) and node.id == "NotImplementedError":
            yield source.at(node.lineno, "a stub; a port is a Protocol, a base class is abstract")


def test_src_has_nothing_unfinished() -> None:
    require_none(unfinished)


@pytest.mark.parametrize(
    "bad",
    [
        "x = 1  # TODO: later",
        '"""FIXME"""',
        "def f():\n    raise NotImplementedError",
        "def f():\n    raise NotImplementedError('later')",
    ],
)
def test_a_stub_is_found(bad: str) -> None:
    assert list(unfinished(Source("server/wallets/service.py", bad)))


def test_a_protocol_passes() -> None:
    good = "class Port(Protocol):\n    def claim(self) -> int: ...\n"
    assert not list(unfinished(Source("server/metering/ports.py", good)))
