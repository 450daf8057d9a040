"""The queue of an asynchronous client: driven by one task, started by the first event."""

import asyncio
import contextlib
from typing import Any

from tallybook.client.errors import ConfigurationError
from tallybook.client.types.usage import BatchResult

from .engine import Engine, EngineOptions
from .models import Batch, Outcome, add_up


class AsyncTracker(Engine):
    """Sends what is tracked, between the steps of the program's own loop."""

    def __init__(self, client: Any, options: EngineOptions) -> None:
        if options.queue.on_overflow == "block":
            raise ConfigurationError('on_overflow="block" would stop the loop that must send')
        self._task: asyncio.Task[None] | None = None
        self._moves: list[asyncio.Future[None]] = []
        self._stopping = False
        super().__init__(client, options)

    def wake(self) -> None:
        """Start the task where a loop runs; without one, events wait for `flush`."""
        task = self._task
        if task is not None and not task.done() and not task.get_loop().is_closed():
            self._move()
            return
        with contextlib.suppress(RuntimeError):  # no running loop
            loop = asyncio.get_running_loop()
            self.queue.cancel_sending()  # of a loop that is gone
            self._task = loop.create_task(self._run(), name="tallybook-tracker")

    def wait_for_room(self) -> None:
        """Never: see above."""

    async def flush(self, timeout: float | None = None) -> BatchResult | None:
        """Send what is queued now; return what became of it, None where nothing was queued."""
        timeout_s = self.options.shutdown_timeout_s if timeout is None else timeout
        with self.changed:
            self.open_spool()
        watch = self.watch()
        if watch is None or asyncio.current_task() is self._task:
            return None
        with self.changed:
            self.wake()
        deadline_s = self.clock() + timeout_s
        while (left_s := deadline_s - self.clock()) > 0:
            move = self._listen()
            if self.queue.is_over(watch):
                break
            await _wait_for(move, left_s)
        with self.changed:
            return add_up(self.queue.unwatch(watch))

    async def shutdown(self, timeout: float | None = None) -> None:
        """Send what is queued, then stop; what is late is dropped, and stays in a spool."""
        if self.closed:
            return
        timeout_s = self.options.shutdown_timeout_s if timeout is None else timeout
        with self.changed:
            self.closed = True
        await self.flush(timeout_s)
        task, self._stopping = self._task, True
        here = task is not None and task.get_loop() is asyncio.get_running_loop()
        if task is not None and here and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait([task])
        self.finish()

    def after_fork_in_child(self) -> None:
        self._task, self._moves = None, []
        super().after_fork_in_child()

    async def _run(self) -> None:
        while not self._stopping:
            move = self._listen()
            with self.changed:
                batch, due_in_s = self.take(), self.due_in()
            if batch is None:
                await _wait_for(move, due_in_s)
                continue
            try:
                outcome = await self._send(batch)
            except asyncio.CancelledError:  # the loop ends: the next one may send it
                with self.changed:
                    self.queue.cancel_sending()
                raise
            self.settle(batch, outcome)
            self._move()

    async def _send(self, batch: Batch) -> Outcome:
        try:
            response = await self.client.transport.send(self.call_of(batch), self.client.options)
            return self.read(response)
        except Exception as error:  # noqa: BLE001 - the task must outlive what it meets
            return self.outcome_of(error)

    def _listen(self) -> "asyncio.Future[None]":
        """Return what the next move resolves: ask before looking, so that none is missed."""
        with self.changed:
            self._moves = [move for move in self._moves if not move.done()]
            self._moves.append(asyncio.get_running_loop().create_future())
            return self._moves[-1]

    def _move(self) -> None:
        """Let all who wait look again, on their own loops and from any thread."""
        with self.changed:
            moves, self._moves = self._moves, []
        for move in moves:
            with contextlib.suppress(RuntimeError):  # its loop is closed
                move.get_loop().call_soon_threadsafe(_resolve, move)


async def _wait_for(move: "asyncio.Future[None]", timeout_s: float | None) -> None:
    await asyncio.wait([move], timeout=timeout_s)
    move.cancel()


def _resolve(move: "asyncio.Future[None]") -> None:
    if not move.done():
        move.set_result(None)
