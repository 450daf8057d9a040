"""The queue of a blocking client: driven by one daemon thread, started by the first event."""

import atexit
import threading
import time
import weakref
from typing import Any

from tallybook.client.types.usage import BatchResult

from .engine import EXIT_BUDGET_S, Engine, EngineOptions
from .models import Batch, Outcome, add_up
from .queue import Watch


class Tracker(Engine):
    """Sends what is tracked, off the caller's thread."""

    def __init__(self, client: Any, options: EngineOptions) -> None:
        self._thread: threading.Thread | None = None
        self._stopping = False
        super().__init__(client, options)
        self._at_exit = _exit_through(weakref.ref(self))

    def wake(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._start()
        self.changed.notify_all()

    def wait_for_room(self) -> None:
        if threading.current_thread() is not self._thread:  # it would wait for itself
            self.wake()
            self.changed.wait_for(lambda: self.closed or not self.queue.is_full)

    def flush(self, timeout: float | None = None) -> BatchResult | None:
        """Send what is queued now; return what became of it, None where nothing was queued."""
        timeout_s = self.options.shutdown_timeout_s if timeout is None else timeout
        with self.changed:
            self.open_spool()
        watch = self.watch()
        if watch is None or threading.current_thread() is self._thread:
            return None
        with self.changed:
            self.wake()
            if self._thread is None:
                self._drive(watch, self.clock() + timeout_s)
            self.changed.wait_for(lambda: self.queue.is_over(watch), timeout=max(0.0, timeout_s))
            return add_up(self.queue.unwatch(watch))

    def shutdown(self, timeout: float | None = None) -> None:
        """Send what is queued, then stop; what is late is dropped, and stays in a spool."""
        if self.closed:
            return
        timeout_s = self.options.shutdown_timeout_s if timeout is None else timeout
        with self.changed:
            self.closed = True
            self.changed.notify_all()  # those that wait for room
        self.flush(timeout_s)
        with self.changed:
            self._stopping = True
            self.changed.notify_all()
        self.finish()
        atexit.unregister(self._at_exit)

    def after_fork_in_child(self) -> None:
        self._thread = None
        super().after_fork_in_child()

    def _start(self) -> None:
        self.queue.cancel_sending()  # of a thread that is gone
        thread = threading.Thread(target=self._run, name="tallybook-tracker", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is going down: `flush` will drive
            return
        self._thread = thread

    def _run(self) -> None:
        while True:
            with self.changed:
                while (batch := self.take()) is None:
                    if self._stopping:
                        return
                    self.changed.wait(self.due_in())
            self.settle(batch, self._send(batch))
            with self.changed:
                self.changed.notify_all()

    def _drive(self, watch: Watch, deadline_s: float) -> None:
        """Send on the caller's thread, where no other can be had any more."""
        while not self.queue.is_over(watch) and (left_s := deadline_s - self.clock()) > 0:
            if (batch := self.take()) is not None:
                self.settle(batch, self._send(batch))
            else:
                due_s = self.due_in()
                time.sleep(left_s if due_s is None else min(left_s, due_s))

    def _send(self, batch: Batch) -> Outcome:
        try:
            response = self.client.transport.send(self.call_of(batch), self.client.options)
            return self.read(response)
        except Exception as error:  # noqa: BLE001 - the thread must outlive what it meets
            return self.outcome_of(error)


def _exit_through(tracker: "weakref.ref[Tracker]") -> Any:
    """Use the last moments of the process to send, without keeping the tracker for them."""

    def send_the_rest() -> None:
        living = tracker()
        if living is not None:
            living.shutdown(EXIT_BUDGET_S)

    atexit.register(send_the_rest)
    return send_the_rest
