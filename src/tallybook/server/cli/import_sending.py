"""Sending a file's events in batches, and waiting while a server restarts."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from tallybook import APIConnectionError, APIError, APIStatusError, Tallybook
from tallybook.client.calls import prepare
from tallybook.client.retries import backoff_s, is_retried
from tallybook.client.retry_after import parse_retry_after
from tallybook.server.kernel import clock
from tallybook.wire.limits import BATCH_EVENTS_MAX, BODY_BYTES_MAX, EVENT_BYTES_MAX

from .errors import Failure

PATIENCE_S: Final = 60.0
RECONNECT_S_MAX: Final = 2.0
SHOWN_MAX: Final = 20  # rejected lines that are told one by one
PATH: Final = "/events/batch"
_ENVELOPE_BYTES: Final = 64
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(slots=True)
class Totals:
    """What became of a file's lines. `accepted` is what is stored, unmatched ones included."""

    lines: int = 0
    accepted: int = 0
    unmatched: int = 0
    duplicates: int = 0
    conflicts: int = 0  # duplicates that say something else than the first did
    rejected: int = 0
    rejected_lines: list[dict[str, Any]] = field(default_factory=list)

    def reject(self, number: int, code: str, detail: str, *, count: int = 1) -> None:
        self.rejected += count
        if len(self.rejected_lines) < SHOWN_MAX:
            self.rejected_lines.append({"line": number, "code": code, "detail": detail})


@dataclass(frozen=True, slots=True)
class Item:
    """An event, written out, and the line it came from."""

    line: int
    body: bytes

    @classmethod
    def of(cls, line: int, event: dict[str, Any]) -> "Item":
        return cls(line, _encode(event))

    @property
    def is_too_large(self) -> bool:
        return len(self.body) > EVENT_BYTES_MAX


class Batch:
    """Items for one request."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self._bytes = _ENVELOPE_BYTES

    def takes(self, item: Item) -> bool:
        fits = self._bytes + len(item.body) + 1 <= BODY_BYTES_MAX
        return fits and len(self.items) < BATCH_EVENTS_MAX

    def add(self, item: Item) -> None:
        self.items.append(item)
        self._bytes += len(item.body) + 1


class Sender:
    """Sends batches, each until all of its items have an answer."""

    def __init__(
        self, client: Tallybook, totals: Totals, note: Callable[[str], None], patience_s: float
    ) -> None:
        self._client = client
        self._totals = totals
        self._note = note
        self._patience_s = patience_s

    def send(self, items: Sequence[Item]) -> None:
        """Add what became of the items to the totals.

        Errors: Failure (no answer for too long); APIError (a refusal of the whole).
        """
        waiting, waited_from_s, tries = list(items), time.monotonic(), 0
        while waiting:
            try:
                answer = self._post(waiting)
            except APIError as failure:
                if not is_retried(failure):
                    raise
                self._wait(failure, tries, waited_from_s)
            else:
                waiting = self._count(waiting, answer["results"])
                if waiting:
                    self._wait(None, tries, waited_from_s)
            tries += 1

    def _post(self, items: Sequence[Item]) -> Any:
        client = self._client
        body = b'{"backfill":true,"events":[' + b",".join(item.body for item in items) + b"]}"
        call = prepare(client.options, "POST", PATH, options={})
        headers = call.headers.copy()
        headers["Content-Type"] = "application/json"
        call = replace(call, content=body, headers=headers)
        return client.transport.send(call, client.options).json()

    def _count(self, items: Sequence[Item], results: Sequence[Any]) -> list[Item]:
        """Return the items to send again."""
        totals, again = self._totals, []
        for result in results:
            item = items[result["index"]]
            match result["status"]:
                case "retry":
                    again.append(item)
                case "rejected":
                    code = result.get("code") or "invalid"
                    totals.reject(item.line, code, result.get("detail") or "")
                case "duplicate":
                    totals.duplicates += 1
                    totals.conflicts += result.get("code") == "conflict"
                case status:
                    totals.accepted += 1
                    totals.unmatched += status == "unmatched"
        return again

    def _wait(self, failure: APIError | None, tries: int, since_s: float) -> None:
        why = "the server is busy" if failure is None else str(failure)
        if time.monotonic() - since_s > self._patience_s:
            raise Failure(
                f"{why}; gave up after {self._patience_s:.0f} s. {self._totals.accepted} events "
                "are in: run the same command again when the server answers, it goes on from there"
            )
        if tries == 0:
            self._note(f"{why}; trying again for {self._patience_s:.0f} s")
        delay_s = backoff_s(tries, random.random())  # noqa: S311 - jitter
        if isinstance(failure, APIConnectionError):
            delay_s = min(delay_s, RECONNECT_S_MAX)
        elif isinstance(failure, APIStatusError):
            asked_s = parse_retry_after(failure.response.headers, clock.now())
            delay_s = delay_s if asked_s is None else min(asked_s, self._patience_s)
        time.sleep(delay_s)
