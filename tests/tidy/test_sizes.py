"""Small enough to read at one sitting, and every room says what it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .source import SERVER, Source, require_none

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
COLUMNS_MAX = 100
README_LINES_MIN = 10
README_LINES_MAX = 100
NAMES_OF_NOTHING = {"helper", "helpers", "manager", "managers", "util", "utils"}


def too_large(source: Source) -> Iterator[str]:
    lines = source.text.splitlines()
    if len(lines) > FILE_LINES_MAX:
        yield source.at(1, f"{len(lines)} lines; {FILE_LINES_MAX} are allowed")
    for number, line in enumerate(lines, start=1):
        if len(line) > COLUMNS_MAX:
            yield source.at(number, f"{len(line)} columns; {COLUMNS_MAX} are allowed")
    for function in source.functions():
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > FUNCTION_LINES_MAX:
            what = f"{function.name} has {length} lines; {FUNCTION_LINES_MAX} are allowed"
            yield source.at(function.lineno, what)


def named_for_nothing(source: Source) -> Iterator[str]:
    if vague := NAMES_OF_NOTHING.intersection(source.parts):
        yield source.at(1, f"{sorted(vague)} says nothing: name the thing")


def rooms_without_readme(server: Path) -> Iterator[str]:
    for room in sorted({path.parent for path in server.glob("*/*.py")}):
        readme = room / "README.md"
        lines = len(readme.read_text("utf-8").splitlines()) if readme.exists() else 0
        if not README_LINES_MIN <= lines <= README_LINES_MAX:
            bounds = f"{README_LINES_MIN} to {README_LINES_MAX}"
            yield f"server/{room.name}/README.md has {lines} lines; {bounds} are allowed"


def test_files_functions_and_lines_are_short() -> None:
    require_none(too_large)


def test_files_have_names_of_things() -> None:
    require_none(named_for_nothing)


def test_every_room_has_a_readme() -> None:
    missing = list(rooms_without_readme(SERVER))
    if missing:
        pytest.fail("\n".join(missing), pytrace=False)


@pytest.mark.parametrize(
    "bad",
    [
        "x = 1\n" * 501,
        "x = " + "1" * 97,
        "def f():\n" + "    x = 1\n" * 60,
        "class C:\n    async def f(self):\n" + "        x = 1\n" * 60,
    ],
)
def test_what_is_too_large_is_found(bad: str) -> None:
    assert list(too_large(Source("server/wallets/service.py", bad)))


@pytest.mark.parametrize(
    "good", ["x = 1\n" * 500, "x = " + "1" * 96, "def f():\n" + "    x = 1\n" * 59]
)
def test_the_largest_allowed_passes(good: str) -> None:
    assert not list(too_large(Source("server/wallets/service.py", good)))


@pytest.mark.parametrize("bad", ["server/wallets/utils.py", "client/helpers/x.py"])
def test_a_vague_name_is_found(bad: str) -> None:
    assert list(named_for_nothing(Source(bad, "")))


@pytest.mark.parametrize("lines", [None, 9, 101])
def test_a_room_without_a_proper_readme_is_found(tmp_path: Path, lines: int | None) -> None:
    room = tmp_path / "wallets"
    room.mkdir()
    (room / "models.py").touch()
    if lines is not None:
        (room / "README.md").write_text("line\n" * lines)
    assert list(rooms_without_readme(tmp_path))
    (room / "README.md").write_text("line\n" * 30)
    assert not list(rooms_without_readme(tmp_path))
