"""What a client tracks: events that are queued and sent in batches, or sent at once."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Unpack, cast

from tallybook.client.encoding import Json
from tallybook.client.options import ClientOptions
from tallybook.client.tracking import EngineOptions, QueueOptions, QueueStats, Tracker
from tallybook.client.tracking.events import (
    CALL_FIELDS,
    ImmediateInput,
    ImmediateTypedInput,
    TrackInput,
    TrackTypedInput,
)
from tallybook.client.tracking.models import add_up
from tallybook.client.types.costs import CostInput
from tallybook.client.types.usage import BatchResult

from .resources import Resource
from .transport import Transport


class Tracking:
    """The part of a client that tracks."""

    options: ClientOptions
    transport: Transport
    _tracker: Tracker

    def _start_tracking(self) -> None:
        options = self.options
        queue = QueueOptions(
            flush_at=options.flush_at,
            flush_interval_s=options.flush_interval,
            max_batch_size=options.max_batch_size,
            max_queue_size=options.max_queue_size,
            max_retries=options.max_retries,
            on_overflow=options.on_overflow,
        )
        engine = EngineOptions(
            queue=queue,
            on_error=options.on_error,
            spool=options.spool,
            shutdown_timeout_s=options.shutdown_timeout,
        )
        self._tracker = Tracker(self, engine)

    def _cost_tracker(self) -> Tracker:
        """Return the queue of costs, beside that of events; it is made when it is needed."""
        events = self._tracker
        with events.changed:
            if events.beside is None:
                spool = events.options.spool
                own = None if spool is None else f"{os.fspath(spool)}-costs"
                options = replace(events.options, spool=own, room="costs")
                events.beside = Tracker(events.client, options)
            return cast("Tracker", events.beside)

    def track(self, **event: Unpack[TrackInput]) -> None:
        """Queue one use of something, and return at once.

        Never raises, unless `on_overflow` says so: an event that cannot be sent is counted and
        handed to `on_error`. Its key and its time are of this moment, however late it is sent.
        """
        self._tracker.track(event, disabled=self.options.disabled)

    def track_task(self, **event: Unpack[TrackTypedInput]) -> None:
        """Queue a task of an agent, as `track`."""
        self._track_typed("task", event)

    def track_workflow(self, **event: Unpack[TrackTypedInput]) -> None:
        """Queue a workflow of an agent, as `track`."""
        self._track_typed("workflow", event)

    def track_outcome(self, **event: Unpack[TrackTypedInput]) -> None:
        """Queue an outcome of an agent, as `track`."""
        self._track_typed("outcome", event)

    def track_cost(self, **cost: Unpack[CostInput]) -> None:
        """Queue one cost, as `track` does a use: an amount, or provider, model and tokens.

        Without a customer it is kept as unattributed; `tokens=None` says that they are unknown.
        """
        self._cost_tracker().track(cost, disabled=self.options.disabled)

    def track_immediate(self, **event: Unpack[ImmediateInput]) -> BatchResult:
        """Send one use of something now, and return what became of it.

        For processes that may end any moment. Errors: APIError, TypeError, ValueError.
        """
        return self._track_now(event)

    def track_task_immediate(self, **event: Unpack[ImmediateTypedInput]) -> BatchResult:
        """Send a task of an agent now, as `track_immediate`."""
        return self._track_now({**event, "action_type": "task"})

    def track_workflow_immediate(self, **event: Unpack[ImmediateTypedInput]) -> BatchResult:
        """Send a workflow of an agent now, as `track_immediate`."""
        return self._track_now({**event, "action_type": "workflow"})

    def track_outcome_immediate(self, **event: Unpack[ImmediateTypedInput]) -> BatchResult:
        """Send an outcome of an agent now, as `track_immediate`."""
        return self._track_now({**event, "action_type": "outcome"})

    def register(self, attributes: Mapping[str, Json] | None = None, /, **more: Json) -> None:
        """Add these attributes to every event tracked from now on; an event's own ones win."""
        self._tracker.register({**(attributes or {}), **more})

    def unregister(self, key: str) -> None:
        """Stop adding this attribute."""
        self._tracker.unregister(key)

    def flush(self, timeout: float | None = None) -> BatchResult | None:
        """Send what is queued now, and return what became of it; None if nothing was.

        Waits for `timeout` seconds at most, else for `shutdown_timeout`. What still waits then
        is told as `retry`, and stays queued.
        """
        results = []
        if self._tracker.beside is not None:
            sent = self._cost_tracker().flush(timeout)
            results += sent.results if sent else []
        sent = self._tracker.flush(timeout)
        results += sent.results if sent else []
        numbered = [item.model_copy(update={"index": n}) for n, item in enumerate(results)]
        return add_up(numbered) if numbered else None

    def shutdown(self, timeout: float | None = None) -> None:
        """Send what is queued, for `timeout` seconds at most, and close. May be called again."""
        if self._tracker.beside is not None:
            self._cost_tracker().shutdown(timeout)
        self._tracker.shutdown(timeout)
        self.transport.close()

    def queue_stats(self) -> QueueStats:
        """Return the numbers of the queue: what waits, what was sent, what was dropped and why."""
        return self._tracker.stats()

    def _track_typed(self, action_type: str, event: Mapping[str, Any]) -> None:
        given = {"action_type": action_type}
        self._tracker.track({**given, **event}, disabled=self.options.disabled)

    def _track_now(self, event: Mapping[str, Any]) -> BatchResult:
        if self.options.disabled:
            return add_up([])
        options = {name: value for name, value in event.items() if name in CALL_FIELDS}
        given = {name: value for name, value in event.items() if name not in CALL_FIELDS}
        body = self._tracker.write_one(given)
        if body is None:  # redacted
            return add_up([])
        resource = Resource(cast("Any", self))
        return resource._write("POST", "/events/batch", BatchResult, options, body)
