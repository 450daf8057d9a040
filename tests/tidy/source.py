"""Our Python files, parsed once, and where each stands in the house."""

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
SERVER = SRC / "tallybook" / "server"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file; `path` is relative to src/tallybook, such as `server/ledger/store.py`."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def parts(self) -> tuple[str, ...]:
        return PurePosixPath(self.path).with_suffix("").parts

    @property
    def room(self) -> str | None:
        """The server's room: `ledger` of `server/ledger/rules/postings.py`."""
        in_a_room = self.parts[0] == "server" and len(self.parts) > 2
        return self.parts[1] if in_a_room else None

    @property
    def place(self) -> str | None:
        """The file or folder inside the room: `rules`, `models`, `store`, …"""
        return self.parts[2] if self.room else None

    def at(self, line: int, what: str) -> str:
        return f"src/tallybook/{self.path}:{line}: {what}"

    def nodes(self) -> Iterator[ast.AST]:
        return ast.walk(self.tree)

    def functions(self) -> Iterator[Function]:
        return (node for node in self.nodes() if isinstance(node, Function))

    def imports(self) -> Iterator[tuple[int, str]]:
        """Every imported name in full: `from ..ledger import store` is `….server.ledger.store`."""
        package = ("tallybook", *self.parts[:-1])
        for node in self.nodes():
            if isinstance(node, ast.Import):
                for name in node.names:
                    yield node.lineno, name.name
            elif isinstance(node, ast.ImportFrom):
                above = package[: len(package) - node.level + 1] if node.level else ()
                base = ".".join((*above, *filter(None, [node.module])))
                for name in node.names:
                    yield node.lineno, f"{base}.{name.name}"


@cache
def sources() -> tuple[Source, ...]:
    root = SRC / "tallybook"
    paths = sorted(path for path in root.rglob("*.py") if "__pycache__" not in path.parts)
    return tuple(
        Source(path.relative_to(root).as_posix(), path.read_text("utf-8")) for path in paths
    )


def dotted(node: ast.expr) -> str:
    """Write `a.b.c` of an expression of names; other expressions give an empty text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def require_none(check: Callable[[Source], Iterable[str]]) -> None:
    """Fail with every finding of a check over all our files."""
    found = [finding for source in sources() for finding in check(source)]
    if found:
        pytest.fail(f"{len(found)} found:\n" + "\n".join(found), pytrace=False)
