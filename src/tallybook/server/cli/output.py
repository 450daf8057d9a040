"""Results on stdout, for people or as JSON; everything else on stderr."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_COLUMNS: Final = 1_000  # nothing is folded where no terminal sets the width
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def show(result: Any, lines: Iterable[str], *, as_json: bool) -> None:
    """Print a result: its JSON, or lines for people."""
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, default=str))
        return
    for line in lines:
        typer.echo(line)


def show_table(
    result: Any, columns: Sequence[str], rows: Iterable[Sequence[str]], *, as_json: bool
) -> None:
    """Print a result: its JSON, or a table for people."""
    if as_json:
        show(result, (), as_json=True)
        return
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table, width=None if console.is_terminal else PIPE_COLUMNS, crop=False)


def pairs(result: Mapping[str, Any], *names: str) -> list[str]:
    """Return `name  value` lines, aligned."""
    width = max(len(name) for name in names)
    return [
        f"{name.replace('_', ' '):<{width}}  {result[name]}"
        for name in names
        if result.get(name) is not None
    ]


def note(text: str) -> None:
    """Tell something that is not the result."""
    typer.echo(text, err=True)
