"""`tallybook serve`: API, dashboard and worker in one process."""

import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any, Final

import typer
import uvicorn

from tallybook.server.storage import Database
from tallybook.server.worker import Worker
from tallybook.server.worker.charging import Gateways

from . import flags, installation, output
from .errors import Failure
from .installation import RunningServer
from .operator_calls import new_token
from .output import AsJson
from .settings import Settings, load

DRAIN_S: Final = 5  # for requests that run when it is told to stop
WORKER_STOP_S: Final = 3.0  # for the due work at hand
STOP_S_MAX: Final = 9.5  # then it exits, whatever still runs
KEEP_ALIVE_S: Final = 30
_LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on (TALLYBOOK_HOST) [127.0.0.1].")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port; 0 takes a free one (TALLYBOOK_PORT) [8787].")
    ] = None,
    database: flags.Database = None,
    data_dir: flags.DataDir = None,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Do not do what falls due.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Serve the API and do what falls due, on the embedded database or on PostgreSQL."""
    settings = load(host=host, port=port, database_url=database, data_dir=data_dir)
    log_to_stderr()
    with (
        bound(settings) as sock,
        installation.held_lock(settings),
        installation.opened(settings) as db,
    ):
        installation.make_ready(db)
        worker = None if no_worker else worker_of(settings, db)

        def tell(url: str) -> None:
            result = {"url": url, "pid": os.getpid()}
            output.show(result, [f"Tallybook is serving at {url}"], as_json=as_json)

        run_server(settings, db, sock, worker=worker, tell=tell)


def worker_of(settings: Settings, db: Database) -> Worker:
    return Worker(
        db,
        webhook_networks=settings.webhook_allowed_networks,
        mail_server=settings.mail_server,
        gateways=gateways_of(settings),
    )


def gateways_of(settings: Settings) -> Gateways:
    """Return the payment providers that this installation has keys of."""
    if not settings.stripe_keys:
        return {}
    from tallybook.server.payments.stripe import Stripe

    return {mode: Stripe(keys) for mode, keys in settings.stripe_keys.items()}


def log_to_stderr() -> None:
    """Log what goes wrong; stdout is for results."""
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT)
    for name in ("uvicorn", "alembic", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def bound(settings: Settings) -> Iterator[socket.socket]:
    """Take the port; nobody is answered before the server listens. Errors: Failure."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
        except OSError:
            sock.close()
            raise
    except OSError as error:
        raise Failure(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}. "
            "Choose others with --host and --port"
        ) from None
    with sock:
        yield sock


def address_of(sock: socket.socket) -> str:
    """Return the URL at which this machine reaches the socket."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run_server(
    settings: Settings,
    db: Database,
    sock: socket.socket,
    *,
    worker: Worker | None,
    tell: Callable[[str], None],
) -> None:
    """Serve on a bound socket and an open database, until a signal; `tell` the address.

    Errors: Failure.
    """
    from tallybook.server.api.app import build_app

    url, token = address_of(sock), new_token()
    app = build_app(
        db,
        operator_token=token,
        webhook_networks=settings.webhook_allowed_networks,
        gateways=gateways_of(settings),
        started=worker.start if worker else None,
        stopping=(lambda: worker.stop(WORKER_STOP_S)) if worker else None,
    )

    def answering() -> None:
        if db.is_sqlite:
            running = RunningServer(url, os.getpid(), token)
            installation.write_server_file(settings.home, running)
        tell(url)

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
    )
    server = _Server(config, answering)
    try:
        server.run(sockets=[sock])
    finally:
        if db.is_sqlite:
            installation.remove_server_file(settings.home)
    if not server.started:
        raise Failure("the server did not start; the lines above say why")


class _Server(uvicorn.Server):
    """Tells when it answers, stops within STOP_S_MAX, and at once when told twice."""

    def __init__(self, config: uvicorn.Config, tell: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = tell

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.collect()
        gc.freeze()  # what is loaded stays for ever: a full collection takes 120 ms with it
        if self.started:
            self._tell()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike the base class: the signal ends in exit code 0, after all is closed."""
        before: dict[int, Any] = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.should_exit:
            os._exit(128 + sig)  # what was answered is on disk already
        self.should_exit = True
        too_long = threading.Timer(STOP_S_MAX, os._exit, (1,))
        too_long.daemon = True
        too_long.start()
