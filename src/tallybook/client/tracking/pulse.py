"""What works again and again until it is stopped: on a thread, or on a task."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable

logger = logging.getLogger("tallybook")


class Pulse:
    """Does the work when woken, and every `interval_s` (0: only when woken)."""

    lives_in_loop = False

    def __init__(self, work: Callable[[], object], interval_s: float) -> None:
        self.lock = threading.Lock()
        self._work = work
        self._interval_s = interval_s
        self._woken = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if (self._thread is None or not self._thread.is_alive()) and not self._stopped:
            thread = threading.Thread(target=self._run, name="tallybook-buffer", daemon=True)
            with contextlib.suppress(RuntimeError):  # the interpreter is going down
                thread.start()
                self._thread = thread

    def wake(self) -> None:
        self._woken.set()

    def stop(self, timeout_s: float) -> None:
        """Begin no more work; wait for the work at hand."""
        self._stopped = True
        self._woken.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopped:
            self._woken.wait(self._interval_s or None)
            self._woken.clear()
            if self._stopped:
                return
            try:
                self._work()
            except Exception:
                logger.exception("the buffer could not be flushed")


class AsyncPulse:
    """Does the work when woken, and every `interval_s` (0: only when woken)."""

    lives_in_loop = True

    def __init__(self, work: Callable[[], Awaitable[object]], interval_s: float) -> None:
        self.lock = asyncio.Lock()
        self._work = work
        self._interval_s = interval_s
        self._woken = asyncio.Event()
        self._stopped = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        task = self._task
        if self._stopped or (task is not None and task.get_loop() is asyncio.get_running_loop()):
            return
        self.lock, self._woken = asyncio.Lock(), asyncio.Event()  # of this loop
        self._task = asyncio.get_running_loop().create_task(self._run(), name="tallybook-buffer")

    def wake(self) -> None:
        self._woken.set()

    async def stop(self, timeout_s: float) -> None:
        """Begin no more work; wait for the work at hand, and break off what is late."""
        self._stopped = True
        self._woken.set()
        task = self._task
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            return
        if task is not asyncio.current_task():
            await asyncio.wait([task], timeout=timeout_s)
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        while not self._stopped:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._interval_s or None)
            self._woken.clear()
            if self._stopped:
                return
            try:
                await self._work()
            except Exception:
                logger.exception("the buffer could not be flushed")
