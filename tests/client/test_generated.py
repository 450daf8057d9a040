"""The blocking client is what the async one makes it."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_sync", ROOT / "tools/unasync.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_blocking_client_is_up_to_date(tool: ModuleType, tmp_path: Path) -> None:
    for file in tool.generate(tmp_path):
        committed = tool.TARGET / file.name
        assert committed.read_bytes() == file.read_bytes(), f"{file.name}: run `make sync`"
    made = {file.name for file in tmp_path.iterdir()}
    assert made | tool.HANDMADE == {file.name for file in tool.TARGET.glob("*.py")}


def test_nothing_of_the_other_form_is_left(tool: ModuleType) -> None:
    for file in tool.TARGET.glob("*.py"):
        if file.name not in tool.HANDMADE:
            code = file.read_text()
            for word in ("async ", "await ", "Async", "asyncio", "_async"):
                assert word not in code, f"{file.name} says {word!r}"


def test_quoted_annotations_are_translated(tool: ModuleType) -> None:
    code = 'async def f() -> "AsyncPage[AsyncCustomer] | None":\n    """AsyncPage"""\n'
    made = tool._translate(code)
    assert made == 'def f() -> "Page[Customer] | None":\n    """AsyncPage"""\n'
