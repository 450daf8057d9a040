"""A local gate: may a customer go on, answered in this process."""

import logging
import os
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

from tallybook.client.access_local import Known, LocalDecision, read_snapshot, write_snapshot
from tallybook.client.errors import NotFoundError
from tallybook.client.options import check_seconds
from tallybook.client.tracking.pulse import Pulse
from tallybook.client.webhooks.updates import WebhookUpdate, to_webhook_update
from tallybook.wire.webhooks import WebhookEvent

from .client import Tallybook

logger = logging.getLogger("tallybook")
_LATEST: Final = "latest"
_STOP_S: Final = 5.0


class AccessCache:
    """Customers' entitlements in memory, kept up to date from webhooks, or from the feed.

    `check` is answered here, in microseconds; usage that was not told yet is not in it, so it may
    be late by as much: what must be exact goes by `access.check(record=True)` or a hold.
    `when_cold` says what becomes of a customer that is not known: "ask" the server (and remember),
    "allow" or "deny". With `max_age`, so does a cache that heard nothing for so many seconds.
    `snapshot` is a file that a restarted process begins with. Errors: ConfigurationError.
    """

    def __init__(
        self,
        client: Tallybook,
        *,
        when_cold: Literal["ask", "allow", "deny"] = "ask",
        max_age: float | None = None,
        snapshot: str | os.PathLike[str] | None = None,
    ) -> None:
        if max_age is not None:
            check_seconds("max_age", max_age)
        self._client = client
        self._when_cold = when_cold
        self._max_age_s = max_age
        self._path = None if snapshot is None else Path(snapshot)
        self._known = Known()
        self._cursor: str | None = None
        self._heard_at_s: float | None = None
        self._pulse: Pulse | None = None
        if self._path is not None:
            self._begin_with(self._path)

    def _begin_with(self, path: Path) -> None:
        found = read_snapshot(path, api_key=self._client.options.api_key)
        if found is not None:
            self._known, self._cursor = found
        elif path.exists():
            logger.warning("%s is no snapshot of this key: it is not used", path)

    def load(self, customers: Iterable[str] | None = None) -> int:
        """Ask for the state of these customers (ids or external ids), else of all; how many."""
        if self._cursor is None:
            self._cursor = self._newest()
        count = 0
        if customers is None:
            for customer in self._client.customers.list(limit=100):
                count += self._learn(customer.id)
        else:
            for name in customers:
                count += self._learn(name)
        self._heard()
        return count

    def peek(
        self,
        customer: str,
        feature: str,
        quantity: int | Decimal = 1,
    ) -> LocalDecision | None:
        """Return what is known here, None where nothing is; never asks anybody.

        `customer` is an external id or ours, `feature` a feature or the id of its meter.
        """
        if self._max_age_s is not None and self.staleness > self._max_age_s:
            return None
        known = self._known.customers.get(customer)
        return None if known is None else known.decide(feature, quantity)

    def check(
        self,
        *,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        feature: str,
        quantity: int | Decimal = 1,
    ) -> LocalDecision:
        """Tell whether a customer may use a quantity of a feature, and why.

        Errors: NotFoundError and other APIErrors, where the server is asked.
        """
        customer = customer_id if customer_id is not None else customer_external_id
        if customer is None or (customer_id is not None and customer_external_id is not None):
            raise TypeError("give exactly one of customer_id and customer_external_id")
        found = self.peek(customer, feature, quantity)
        if found is not None:
            return found
        if self._when_cold != "ask":
            allowed = self._when_cold == "allow"
            return LocalDecision(allowed, "not_known_here", datetime.now(UTC))
        if self._cursor is None:
            self._cursor = self._newest()
        answer = self._client.access.get_customer_state(
            customer_id=customer_id, customer_external_id=customer_external_id
        )
        self._heard()
        return self._known.learn(answer).decide(feature, quantity)

    def apply(self, event: WebhookEvent | Mapping[str, Any]) -> WebhookUpdate:
        """Act on a webhook that was verified; what it leaves open is asked for by `refresh`.

        Errors: WebhookPayloadError.
        """
        update = to_webhook_update(event)
        self._known.apply(update, datetime.now(UTC))
        self._heard()
        return update

    def refresh(self) -> int:
        """Ask anew for the customers whose entitlements changed; return how many."""
        waiting = sorted(self._known.dirty)
        for customer_id in waiting:
            self._learn(customer_id)
        return len(waiting)

    def sync(self) -> int:
        """Read what happened since from the feed, and refresh; return how many events came.

        For where webhooks cannot reach; beside them, too: what one missed, the other brings.
        """
        if self._cursor is None:
            self._cursor = self._newest()
        try:
            count = self._read_feed()
        except NotFoundError:  # the feed no longer reaches back to where we were
            self._cursor = self._newest()
            self._known.dirty.update(one.id for one in self._known.customers.values())
            count = 0
        self.refresh()
        self._heard()
        if self._path is not None:
            self.save()
        return count

    def _read_feed(self) -> int:
        count = 0
        for event in self._client.webhook_events.list(after=self._cursor, limit=100):
            self._known.apply(to_webhook_update(event), datetime.now(UTC))
            self._cursor = event.id
            count += 1
        return count

    def save(self) -> None:
        """Write the snapshot. Errors: OSError; ValueError (there is no path)."""
        if self._path is None:
            raise ValueError("the cache was made without snapshot=…")
        api_key = self._client.options.api_key
        write_snapshot(self._path, self._known, cursor=self._cursor, api_key=api_key)

    @property
    def staleness(self) -> float:
        """Seconds since the server was heard last, by webhook, feed or answer; inf: never."""
        if self._heard_at_s is None:
            return float("inf")
        return time.monotonic() - self._heard_at_s

    def start(self, interval: float = 5.0) -> None:
        """Sync every so many seconds, in the background, until `stop`."""
        check_seconds("interval", interval)
        if self._pulse is None:
            self._pulse = Pulse(self.sync, interval)
            self._pulse.start()

    def stop(self) -> None:
        """Sync no more in the background; what is known stays."""
        pulse, self._pulse = self._pulse, None
        if pulse is not None:
            pulse.stop(_STOP_S)

    def _heard(self) -> None:
        self._heard_at_s = time.monotonic()

    def _newest(self) -> str:
        """Return where the feed stands now; an empty one is read from its beginning."""
        page = self._client.webhook_events.list(after=_LATEST, limit=1)
        return page.data[0].id if page.data else ""

    def _learn(self, name: str) -> int:
        """Ask for a customer by either name; one that is gone is forgotten."""
        try:
            if _is_ours(name):
                state = self._client.access.get_customer_state(name)
            else:
                state = self._client.access.get_customer_state(customer_external_id=name)
        except NotFoundError:
            self._known.forget(name)
            return 0
        self._known.learn(state)
        return 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _is_ours(name: str) -> bool:
    """An id of ours has our form; everything else is an external id."""
    return name.startswith("cus_") and len(name) == len("cus_") + 32
