"""`tallybook demo`: a server with something to look at."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tallybook.server.catalog import service as catalog
from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Mode, Scope
from tallybook.server.kernel import clock
from tallybook.server.storage import Database, Tx

from . import installation, output
from .errors import Failure
from .output import AsJson
from .serve import bound, log_to_stderr, run_server, worker_of
from .settings import load

DEFAULT_DATA_DIR: Final = "demo-data"
FILE_NAME: Final = "demo.json"
SHOWN_MAX: Final = 12


def demo(
    host: Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one [8787].")] = None,
    data_dir: Annotated[
        str | None, typer.Option("--data-dir", metavar="DIR", help="An empty one [./demo-data].")
    ] = None,
    customers: Annotated[int, typer.Option(min=1, max=500, help="How many customers.")] = 12,
    events: Annotated[int, typer.Option(min=0, help="How many usage events.")] = 20_000,
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="Make the data, show it, and end.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start a server with sample data: customers, agents' usage, wallets, invoices."""
    chosen = data_dir or os.environ.get("TALLYBOOK_DATA_DIR") or DEFAULT_DATA_DIR
    file = Path(chosen).expanduser().absolute() / "tallybook.db"
    settings = load(host=host, port=port, data_dir=chosen, database_url=f"sqlite:///{file}")
    log_to_stderr()
    with (
        bound(settings) as sock,
        installation.held_lock(settings),
        installation.opened(settings) as db,
    ):
        installation.make_ready(db)
        known = _known(settings.home, db)
        keys = known or db.write_now(_make_project)
        failed: list[str] = []

        def fill(url: str) -> None:
            try:
                story = known.get("story") if known else None
                if story is None:
                    story = _tell(url, keys["test_key"], customers=customers, events=events)
                    _remember(settings.home, {**keys, "story": story})
                _show({**keys, "url": url, **story}, as_json=as_json)
            except Exception as error:  # noqa: BLE001 - told by the main thread
                failed.append(f"{type(error).__name__}: {error}")
            if no_serve or failed:
                os.kill(os.getpid(), signal.SIGTERM)

        def answering(url: str) -> None:
            threading.Thread(target=fill, args=(url,), name="tallybook-demo", daemon=True).start()

        worker = worker_of(settings, db)
        run_server(settings, db, sock, worker=worker, tell=answering)
    if failed:
        raise Failure(f"the sample data could not be made: {failed[0]}; remove {settings.home}")


def _known(home: Path, db: Database) -> dict[str, Any]:
    """Return what an earlier demo left here. Errors: Failure (somebody's own data)."""
    try:
        known: dict[str, Any] = json.loads((home / FILE_NAME).read_text("utf-8"))
    except (OSError, ValueError):
        if db.read(identity.list_projects):
            raise Failure(
                f"{home} holds data already, which the demo leaves alone: "
                "remove it, or choose an empty directory with --data-dir"
            ) from None
        return {}
    return known


def _remember(home: Path, known: dict[str, Any]) -> None:
    descriptor = os.open(home / FILE_NAME, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(known, file)


def _make_project(tx: Tx) -> dict[str, Any]:
    at = clock.now()
    project, spaces = catalog.create_project(tx, name="Demo", currency="USD", timezone="UTC", at=at)
    keys = {
        mode: identity.create_key(tx, space, scope=Scope.FULL, name="demo", at=at)[1]
        for mode, space in spaces.items()
    }
    return {
        "project_id": project.id,
        "live_key": keys[Mode.LIVE],
        "test_key": keys[Mode.TEST],
    }


def _tell(url: str, key: str, *, customers: int, events: int) -> dict[str, Any]:
    from tallybook import Tallybook

    from .demo_story import Story

    with Tallybook(key, base_url=url, timeout=120) as client, _progress() as moved:
        story = Story(client, customers=customers, events=events, now=clock.now(), moved=moved)
        moved.total(story.steps)
        return story.tell()


class _Moved:
    """How far the story is, on a terminal."""

    def __init__(self, shown: Any) -> None:
        self._shown = shown
        self._task = shown.add_task("sample data")

    def total(self, steps: int) -> None:
        self._shown.update(self._task, total=steps)

    def __call__(self, done: int, what: str) -> None:
        self._shown.update(self._task, completed=done, description=what)


@contextmanager
def _progress() -> Iterator[_Moved]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as shown:
        yield _Moved(shown)


def _show(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.show(result, (), as_json=True)
        return
    columns = ("number", "customer", "period_start", "total", "amount_due", "status")
    shown: list[Any] = result["invoices"][:SHOWN_MAX]
    rows = ([str(it[name] or "") for name in columns] for it in shown)
    output.show_table(result, columns, rows, as_json=False)
    if len(result["invoices"]) > SHOWN_MAX:
        output.show(None, [f"… and {len(result['invoices']) - SHOWN_MAX} more"], as_json=False)
    one = result["explained"]
    output.show(None, ["", f"{one['number']}, {one['customer']}, {one['total']}:"], as_json=False)
    parts = ("description", "quantity", "included", "billable", "total")
    output.show_table(
        result, parts, ([it[name] for name in parts] for it in one["lines"]), as_json=False
    )
    output.show(None, ["", "What each agent brings and costs:"], as_json=False)
    told = ("agent", "revenue", "cost", "margin", "percent")
    output.show_table(
        result,
        told,
        ([str(it[name] or "") for name in told] for it in result["margins"]),
        as_json=False,
    )
    lines = [
        "",
        f"{result['customers']} customers, {len(result['invoices'])} invoices; "
        f"the test space's clock stands at {result['now']}",
        *output.pairs(result, "test_key", "live_key"),
        f"API reference: {result['url']}/api/v1/docs",
        f"Tallybook is serving at {result['url']}",
    ]
    output.show(None, lines, as_json=False)
