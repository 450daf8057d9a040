"""Usage on its way, in a queue of its own, under keys that name the instance."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, Unpack

from tallybook.client.errors import DeliveryError
from tallybook.client.options import check_count, check_max_retries, check_seconds
from tallybook.client.tracking import EngineOptions, QueueOptions, QueueStats, Tracker
from tallybook.client.tracking.boot_keys import boot_keys
from tallybook.client.tracking.events import TrackInput
from tallybook.client.types.usage import BatchResult

from .client import Tallybook

OnFlushError = Callable[[Exception, list[Any]], None]
_QUEUE_SIZE_MIN = 1_000


class UsageBuffer:
    """Collects usage in memory, and sends it when there is enough or when it is time.

    As the client's own `track`, apart from it: another number, another timer, and keys of the
    form "{instance_id}:{boot}:{number}". Errors: ConfigurationError; TypeError (the other form
    of the client).
    """

    def __init__(
        self,
        client: Tallybook,
        *,
        max_buffer_size: int = 100,
        flush_interval: float = 5.0,
        max_retries: int = 3,
        instance_id: str | None = None,
        on_flush_error: OnFlushError | None = None,
    ) -> None:
        if not isinstance(client, Tallybook):
            raise TypeError(f"{type(self).__name__} needs a client of its own form")
        check_count("max_buffer_size", max_buffer_size)
        check_seconds("flush_interval", flush_interval)
        check_max_retries(max_retries)
        queue = QueueOptions(
            flush_at=max_buffer_size,
            flush_interval_s=flush_interval,
            max_batch_size=client.options.max_batch_size,
            max_queue_size=max(_QUEUE_SIZE_MIN, 10 * max_buffer_size),
            max_retries=max_retries,
        )
        engine = EngineOptions(
            queue=queue,
            on_error=on_error_of(on_flush_error),
            shutdown_timeout_s=client.options.shutdown_timeout,
            make_key=boot_keys(instance_id),
        )
        self._tracker = Tracker(client, engine)

    def track(self, **event: Unpack[TrackInput]) -> None:
        """Queue one use of something, and return at once. Never raises."""
        self._tracker.track(event)

    def flush(self, timeout: float | None = None) -> BatchResult | None:
        """Send what is buffered now, and return what became of it; None if nothing was."""
        return self._tracker.flush(timeout)

    def shutdown(self, timeout: float | None = None) -> None:
        """Send what is buffered, and stop; the client stays open. May be called again."""
        self._tracker.shutdown(timeout)

    def queue_stats(self) -> QueueStats:
        """Return the numbers of this buffer."""
        return self._tracker.stats()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()


def on_error_of(
    on_flush_error: OnFlushError | None,
) -> Callable[[DeliveryError], None] | None:
    """Return what hands on an error and its events apart."""
    if on_flush_error is None:
        return None

    def hand_on(error: DeliveryError) -> None:
        on_flush_error(error, error.events)

    return hand_on
