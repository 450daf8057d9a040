"""`tallybook worker`: what falls due, in a process of its own beside servers on PostgreSQL."""

import os
import signal
import time
from types import FrameType
from typing import Final

from . import flags, installation, output
from .output import AsJson
from .serve import STOP_S_MAX, log_to_stderr, worker_of
from .settings import load

_POLL_S: Final = 0.5  # signals are handled between two waits


def worker(
    database: flags.Database = None, data_dir: flags.DataDir = None, as_json: AsJson = False
) -> None:
    """Do what falls due, until told to stop. `tallybook serve` does it too."""
    settings = load(database_url=database, data_dir=data_dir)
    log_to_stderr()
    with installation.held_lock(settings), installation.opened(settings) as db:
        installation.make_ready(db)
        told: list[int] = []  # not an Event: its lock may be held by the wait that is interrupted
        at_work = worker_of(settings, db)

        def stop(number: int, _frame: FrameType | None) -> None:
            if told:
                os._exit(128 + number)
            told.append(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        at_work.start()
        output.show({"pid": os.getpid()}, ["Tallybook's worker is at work"], as_json=as_json)
        while not told:
            time.sleep(_POLL_S)
        at_work.stop(STOP_S_MAX)
