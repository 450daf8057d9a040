"""`tallybook import events`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from . import output
from .errors import Failure, WrongUsage
from .flags import DataDir
from .import_columns import BadLine, Columns, ZoneNeeded, digest_of, key_of, to_event
from .import_files import Line, format_of, read_lines
from .output import AsJson
from .settings import Settings, load

app = typer.Typer(no_args_is_help=True, help="Bring data in from files.")


@app.callback()
def _noun() -> None:
    """Keep `events` a verb of its own, though it is the only one."""


@app.command("events")
def import_events(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv or .jsonl file.")],
    meter: Annotated[str, typer.Option(help="Key or id of the meter.")],
    timestamp_column: Annotated[str, typer.Option(help="When it was used.")],
    quantity_column: Annotated[
        str | None, typer.Option(help="How much was used [each line is one].")
    ] = None,
    customer: Annotated[
        str | None, typer.Option(help="External id of the one customer of all lines.")
    ] = None,
    customer_column: Annotated[
        str | None, typer.Option(help="Column of the customers' external ids.")
    ] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA zone of times that name none.")] = None,
    key_column: Annotated[
        str | None, typer.Option(help="Column of idempotency keys [made from each line].")
    ] = None,
    attributes_columns: Annotated[
        str | None, typer.Option(metavar="A,B", help="Columns to keep as attributes.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="The server (TALLYBOOK_BASE_URL) [the one running here].")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Send a file of usage. Sending it again sends nothing twice: so a stopped import goes on.

    The key comes from TALLYBOOK_API_KEY and needs the scope `full`.
    """
    if (customer is None) == (customer_column is None):
        raise WrongUsage("give either --customer or --customer-column")
    columns = Columns(
        meter=meter,
        timestamp_column=timestamp_column,
        customer=customer,
        customer_column=customer_column,
        quantity_column=quantity_column,
        key_column=key_column,
        attribute_columns=tuple(filter(None, (attributes_columns or "").split(","))),
        zone=_zone(timezone),
    )
    settings = load(base_url=base_url, data_dir=data_dir)
    totals = _run(settings, file, columns)
    names = ("lines", "accepted", "duplicates", "unmatched", "rejected")
    lines = [f"{name:<10}  {totals[name]:,}" for name in names]
    output.show(totals, lines, as_json=as_json)
    _tell(totals)


def _run(settings: Settings, path: Path, columns: Columns) -> dict[str, Any]:
    from tallybook import Tallybook

    from .import_lines import SeenLines
    from .import_sending import PATIENCE_S, Sender, Totals

    kind, totals = format_of(path), Totals()
    with (
        _opened(path) as file,
        SeenLines() as seen,
        Tallybook(
            settings.api_key, base_url=server_url(settings), max_retries=0, timeout=60
        ) as client,
        _progress(path) as reached,
    ):
        if columns.meter.startswith("mtr_"):  # by id or by key, a line's idempotency key is one
            columns = replace(columns, meter=client.meters.get(columns.meter).key)
        sender = Sender(client, totals, output.note, PATIENCE_S)
        try:
            _send_all(read_lines(file, kind, columns.names), columns, seen, sender, totals, reached)
        except KeyboardInterrupt:
            raise Failure(
                f"stopped; {totals.accepted} events are in. "
                "Run the same command again: it goes on from there"
            ) from None
    return asdict(totals)


def _send_all(
    lines: Iterator[Line],
    columns: Columns,
    seen: Any,
    sender: Any,
    totals: Any,
    reached: Callable[[int], None],
) -> None:
    from .import_sending import Batch, Item

    batch, end = Batch(), 0
    for line in lines:
        totals.lines += 1
        try:
            if line.fields is None:
                raise BadLine("unreadable", line.problem or "cannot be read")
            event = to_event(line.fields, columns)
        except BadLine as bad:
            totals.reject(line.number, bad.code, bad.detail, count=line.count)
            continue
        except ZoneNeeded as time:
            raise WrongUsage(
                f"line {line.number}: {time} has no time zone; say which with --timezone"
            ) from None
        if columns.key_column is None:
            digest = digest_of(line.raw)
            event["idempotency_key"] = key_of(columns.meter, digest, seen.count(digest))
        item = Item.of(line.number, event)
        if item.is_too_large:
            totals.reject(line.number, "event_too_large", "an event may have 64 KiB")
            continue
        if not batch.takes(item):
            sender.send(batch.items)
            reached(end)
            batch = Batch()
        batch.add(item)
        end = line.end
    sender.send(batch.items)
    reached(end)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}") from None
    with file:
        yield file


@contextmanager
def _progress(path: Path) -> Iterator[Callable[[int], None]]:
    """Show how much of the file is through, on a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    shown = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with shown:
        task = shown.add_task(path.name, total=path.stat().st_size)
        yield lambda end: shown.update(task, completed=end)


def server_url(settings: Settings) -> str | None:
    """Return where the server is: what was given, else the one that runs on the data directory."""
    from .installation import find_server

    server = None if settings.base_url else find_server(settings.home)
    return settings.base_url if server is None else server.url


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongUsage(f"--timezone: {name} is not a time zone of the IANA database") from None


def _tell(totals: dict[str, Any]) -> None:
    """Say on stderr what needs attention. Errors: Failure, where lines were rejected."""
    if totals["unmatched"]:
        output.note(
            f"{totals['unmatched']:,} events are kept, and counted once their customer and meter "
            "exist and they are replayed"
        )
    if totals["conflicts"]:
        output.note(f"{totals['conflicts']:,} duplicates differ from what was sent first; it stays")
    for bad in totals["rejected_lines"]:
        output.note(f"line {bad['line']}: {bad['code']}: {bad['detail']}")
    if totals["rejected"]:
        more = totals["rejected"] - len(totals["rejected_lines"])
        rest = f" (the first {len(totals['rejected_lines'])} are above)" if more > 0 else ""
        raise Failure(
            f"{totals['rejected']:,} lines were rejected{rest}: correct them and run the same "
            "command again; what is in is not sent twice"
        )
