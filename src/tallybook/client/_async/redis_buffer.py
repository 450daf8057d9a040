"""Usage on its way in Redis: shared by instances, and each use sent once."""

import asyncio
import logging
import time
from types import TracebackType
from typing import Any, Final, Self, Unpack, cast

from tallybook.client.errors import DeliveryError
from tallybook.client.options import check_count, check_seconds
from tallybook.client.tracking import QueueOptions
from tallybook.client.tracking.events import TrackInput
from tallybook.client.tracking.forks import survive_forks
from tallybook.client.tracking.models import Batch, Outcome, add_up
from tallybook.client.tracking.pulse import AsyncPulse
from tallybook.client.tracking.queue import TrackQueue
from tallybook.client.tracking.redis_keys import (
    DONE,
    PUSH_NEW,
    TAKE,
    RedisKeys,
    from_item,
    lives_in_loop,
    to_item,
)
from tallybook.client.types.usage import BatchResult
from tallybook.wire.events import EventResult
from tallybook.wire.limits import BODY_BYTES_MAX

from .buffers import AsyncUsageBuffer, OnFlushError
from .client import AsyncTallybook

logger = logging.getLogger("tallybook")
_ITEMS_BYTES_MAX: Final = BODY_BYTES_MAX * 9 // 10


class AsyncRedisUsageBuffer:
    """Collects usage in Redis, for any number of instances with the same `key_prefix`.

    `redis` is a client of redis-py, of the same form as `client`. What fails for now stays in
    Redis. A batch that an instance took and did not finish is another's after `lease` seconds.
    While Redis cannot be reached, events wait in this process. Errors: ConfigurationError;
    TypeError (a client or a Redis of the other form).
    """

    def __init__(
        self,
        client: AsyncTallybook,
        redis: Any,
        *,
        key_prefix: str = "tallybook:",
        idempotency_ttl: int = 86400,
        max_buffer_size: int = 100,
        flush_interval: float = 5.0,
        max_retries: int = 3,
        instance_id: str | None = None,
        on_flush_error: OnFlushError | None = None,
        lease: float = 60.0,
    ) -> None:
        check_count("idempotency_ttl", idempotency_ttl)
        check_seconds("lease", lease)
        if lives_in_loop(redis) is not AsyncPulse.lives_in_loop:
            raise TypeError(f"{type(self).__name__} needs a Redis client of its own form")
        self._client = client
        self._redis = redis
        self._keys = RedisKeys(key_prefix)
        self._ttl_s = idempotency_ttl
        self._flush_at = max_buffer_size
        self._interval_s = flush_interval
        self._lease_ms = int(lease * 1000)
        self._closed = False
        self._local = AsyncUsageBuffer(
            client,
            max_buffer_size=max_buffer_size,
            flush_interval=flush_interval,
            max_retries=max_retries,
            instance_id=instance_id,
            on_flush_error=on_flush_error,
        )
        self._start_anew()
        survive_forks(self)

    def _start_anew(self) -> None:
        size = self._client.options.max_batch_size
        options = QueueOptions(flush_at=1, max_batch_size=size, max_queue_size=size, durable=True)
        self._lane = TrackQueue(options)  # of what is being sent; the rest is in Redis
        self._pulse = AsyncPulse(self._work_off, self._interval_s)
        self._pushed = 0

    async def track(self, **event: Unpack[TrackInput]) -> None:
        """Put one use of something into Redis. Never raises."""
        written = self._local._tracker.accept(event)
        if written is not None and await self._push(written[1]) is None:
            self._local._tracker.put(*written)

    async def track_with_dedup(self, **event: Unpack[TrackInput]) -> bool:
        """Put one use of something into Redis, unless its key came before from any instance.

        Returns False for a duplicate. While Redis cannot be reached, the event is sent, and the
        server alone tells duplicates apart. Errors: ValueError (no `idempotency_key`: a made one
        is never a duplicate), TypeError; DeliveryError (shut down).
        """
        key = event.get("idempotency_key")
        if not key:
            raise ValueError("track_with_dedup needs an idempotency_key of yours")
        if self._client.options.disabled:
            self._local.track(**event)  # counts it
            return True
        written = self._local._tracker.write(cast("dict[str, Any]", event))
        if written is None:  # redacted
            return True
        if self._closed:
            raise DeliveryError("the buffer is shut down", events=[event], reason="closed")
        is_new = await self._push(written[1], seen=self._keys.seen(key))
        if is_new is None:
            self._local._tracker.put(*written)
        return is_new is not False

    async def flush(self, timeout: float | None = None) -> BatchResult | None:
        """Send what waits in Redis now, and return what became of it; None if nothing waited."""
        limit_s = self._client.options.shutdown_timeout if timeout is None else timeout
        results: list[EventResult] = []
        await self._drain(time.monotonic() + limit_s, results)
        local = await self._local.flush(limit_s)
        results += local.results if local else []
        numbered = [item.model_copy(update={"index": n}) for n, item in enumerate(results)]
        return add_up(numbered) if numbered else None

    async def shutdown(self, timeout: float | None = None) -> None:
        """Send what waits, and stop; what is late stays in Redis. May be called again."""
        if self._closed:
            return
        self._closed = True
        limit_s = self._client.options.shutdown_timeout if timeout is None else timeout
        await self._pulse.stop(limit_s)  # nothing may use Redis after this: it may be closed
        await self.flush(timeout)
        await self._local.shutdown(timeout)

    async def _push(self, body: bytes, *, seen: str | None = None) -> bool | None:
        """Return whether it is in Redis as new; None where Redis did not take it."""
        if self._closed:
            return None
        item, waiting = to_item(body), self._keys.waiting
        try:
            if seen is None:
                await self._redis.rpush(waiting, item)
                is_new = True
            else:
                is_new = await self._redis.eval(PUSH_NEW, 2, seen, waiting, self._ttl_s, item) == 1
        except Exception as error:  # noqa: BLE001 - of a library that is not imported here
            logger.warning("Redis took no event: %s", type(error).__name__)
            return None
        self._pulse.start()
        self._pushed += is_new
        if self._pushed >= self._flush_at:
            self._pushed = 0
            self._pulse.wake()
        return is_new

    async def _work_off(self) -> None:
        await self._drain(time.monotonic() + self._client.options.shutdown_timeout, [])

    async def _drain(self, deadline_s: float, results: list[EventResult]) -> None:
        """Send as many as wait now, and what other instances left unfinished."""
        try:
            left = max(1, await self._redis.llen(self._keys.waiting))
            while left > 0 and time.monotonic() < deadline_s:
                pause_s = self._lane.paused_until_s - time.monotonic()
                if pause_s > 0:
                    await asyncio.sleep(min(pause_s, max(0.0, deadline_s - time.monotonic())))
                    continue
                async with self._pulse.lock:
                    done = await self._send_some(results)
                if done is None:
                    return
                left -= done
        except Exception as error:  # noqa: BLE001 - of a library that is not imported here
            logger.warning("Redis gave no events: %s", type(error).__name__)

    async def _send_some(self, results: list[EventResult]) -> int | None:
        """Send one batch; return how many events are done with, None where none waited."""
        lane, keys, own = self._lane, self._keys, self._keys.batch()
        items = await self._redis.eval(
            TAKE,
            3,
            keys.waiting,
            keys.leases,
            own,
            lane.batch_max,
            _ITEMS_BYTES_MAX,
            self._lease_ms,
        )
        if not items:
            return None
        lane.give_back()  # of a batch whose end was not seen: its lease tells
        now_s = time.monotonic()
        for number, item in enumerate(items):
            lane.put(from_item(item, number, now_s))
        watch = lane.watch(len(items))
        batch = lane.take(now_s)
        assert batch is not None
        assert watch is not None
        outcome = await self._send(batch)
        done, drops = lane.settle(
            batch, outcome, now_s=time.monotonic(), chance=self._client.transport.chance()
        )
        results += watch.results
        lane.release(batch)
        self._local._tracker.report(drops)
        back = [to_item(event.body, event.tries) for event in lane.give_back()]
        lane.unwatch(watch)
        await self._redis.eval(DONE, 3, keys.leases, own, keys.waiting, *back)
        return len(done)

    async def _send(self, batch: Batch) -> Outcome:
        tracker = self._local._tracker
        try:
            call = tracker.call_of(batch)
            response = await self._client.transport.send(call, self._client.options)
            return tracker.read(response)
        except Exception as error:  # noqa: BLE001 - told by the outcome
            return tracker.outcome_of(error)

    def before_fork(self) -> None:
        """Nothing is held: what the child has is made anew."""

    def after_fork_in_parent(self) -> None:
        """Nothing was held."""

    def after_fork_in_child(self) -> None:
        self._start_anew()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.shutdown()
