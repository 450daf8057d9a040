"""The thread that publishes and posts, on many sockets at once."""

import asyncio
import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from tallybook.server.kernel import clock
from tallybook.server.storage import Database, Tx

from . import delivering, feed
from .delivering import EndpointKey
from .models import Claimed, Outcome
from .posting import Poster
from .rules.addresses import Network

T = TypeVar("T")
log = logging.getLogger("tallybook.webhooks")
POLL_S: Final = 0.5
PLACES: Final = 64  # POSTs at once
PLACES_OF_ENDPOINT: Final = 8
PLACES_OF_FAILING: Final = 1  # of an endpoint whose last attempt failed
STOP_S: Final = 5.0
GRACE_S: Final = 1.0  # for the attempts that run when it is told to stop
_chance: Final = random.SystemRandom().random


class Sender:
    """Posts what is due until it is stopped; what runs then is posted again by the next one."""

    def __init__(
        self,
        db: Database,
        *,
        allowed: Sequence[Network] = (),
        poster: Poster | None = None,
        poll_s: float = POLL_S,
    ) -> None:
        self._db = db
        self._poster = poster or Poster(allowed)
        self._poll_s = poll_s
        self._busy: Counter[EndpointKey] = Counter()
        self._failing: set[EndpointKey] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self.run, name="tallybook-webhooks", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Stop; the attempts that run are broken off, and made again when their lease is over."""
        self._stopping.set()
        loop, wake = self._loop, self._wake
        if loop is not None and wake is not None and not loop.is_closed():
            loop.call_soon_threadsafe(wake.set)
        if self._thread is not None:
            self._thread.join(timeout_s)

    def run(self) -> None:
        """Publish and post until `stop`."""
        loop = asyncio.new_event_loop()
        resolving = ThreadPoolExecutor(PLACES, thread_name_prefix="tallybook-resolve")
        loop.set_default_executor(resolving)
        try:
            loop.run_until_complete(self._main())
        finally:
            resolving.shutdown(wait=False, cancel_futures=True)  # a slow name server holds nobody
            loop.close()

    async def _main(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                found = await self._step()
            except Exception as error:  # noqa: BLE001 - the database may be away for a while
                log.warning("webhooks wait: %s", error)
                found = False
            if not found and not self._stopping.is_set():
                try:
                    async with asyncio.timeout(self._poll_s):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        if self._running:
            await asyncio.wait(self._running, timeout=GRACE_S)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _step(self) -> bool:
        """Publish what was committed, begin what is due; tell whether there was something."""
        now = clock.now()
        published = 0
        if await self._read(feed.has_unpublished):
            published = await self._write(partial(feed.publish, now=now))
        due = await self._read(partial(delivering.due_endpoints, now=now))
        free = PLACES - len(self._running)
        if free <= 0 or not any(self._places(key) > 0 for key in due):
            return published > 0
        claimed = await self._write(
            partial(delivering.claim, now=clock.now(), places=self._places, limit=free)
        )
        for work in claimed:
            self._busy[work.space, work.endpoint_id] += 1
            task = asyncio.ensure_future(self._deliver(work))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return published > 0 or bool(claimed)

    def _places(self, key: EndpointKey) -> int:
        most = PLACES_OF_FAILING if key in self._failing else PLACES_OF_ENDPOINT
        return most - self._busy[key]

    async def _deliver(self, work: Claimed) -> None:
        key = (work.space, work.endpoint_id)
        try:
            outcome = await self._poster.post(work)
            (self._failing.discard if outcome.is_success else self._failing.add)(key)
            await self._write(partial(_settle, work=work, outcome=outcome, chance=_chance()))
        except Exception as error:  # noqa: BLE001 - the lease runs out, and it is posted again
            log.warning("delivery %s is not settled: %s", work.delivery_id, error)
        finally:
            self._busy[key] -= 1
            if not self._busy[key]:
                del self._busy[key]
            if self._wake is not None:
                self._wake.set()

    async def _write(self, work: Callable[[Tx], T]) -> T:
        def quietly(tx: Tx) -> T:
            tx.keeps_memory = True  # nobody remembers the feed, endpoints or deliveries
            return work(tx)

        # Shielded: a future that is canceled could not be set by the database's writer.
        return await asyncio.shield(asyncio.wrap_future(self._db.write(quietly)))

    async def _read(self, work: Callable[[Tx], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(None, self._db.read, work)


def _settle(tx: Tx, *, work: Claimed, outcome: Outcome, chance: float) -> bool:
    return delivering.settle(tx, work, outcome, chance=chance, now=clock.now())
