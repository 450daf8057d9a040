"""Asks payment providers for what was ordered, and writes down what they say."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Final

from tallybook.server.billing import charge
from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Mode
from tallybook.server.kernel import clock
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.payments import orders
from tallybook.server.payments import service as payments
from tallybook.server.payments.models import Gateway, Order, OrderKind, Outcome, Result
from tallybook.server.storage import Database, Tx

log = logging.getLogger("tallybook.payments")
POLL_S: Final = 1.0
Gateways = Mapping[Mode, Gateway]


class Charger:
    """A thread that carries out orders until it is stopped; between two writes, never in one."""

    def __init__(self, db: Database, gateways: Gateways, *, poll_s: float = POLL_S) -> None:
        self._db, self._gateways, self._poll_s = db, gateways, poll_s
        self._renew_s = orders.RENEW_EVERY.total_seconds()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self.run, name="tallybook-charges", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stop after the order at hand."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def run(self) -> None:
        """Carry out what waits until `stop`."""
        while not self._stopping.is_set():
            try:
                found = self.step()
            except Exception as error:  # noqa: BLE001 - the database may be away for a while
                log.warning("charges wait: %s", error)
                found = False
            if not found:
                self._stopping.wait(self._poll_s)
        for gateway in self._gateways.values():
            gateway.close()

    def step(self, *, only: SpaceId | None = None) -> bool:
        """Carry out the order that waits longest, of any space or of one; tell if there was one."""
        now = clock.now()
        if not self._db.read(lambda tx: orders.is_waiting(tx, now=now, only=only)):
            return False
        claimed = self._db.write_now(lambda tx: orders.claim(tx, now=now, limit=1, only=only))
        for order in claimed:
            with self._renewed(order):
                outcome = self._ask(order)
            if outcome is None:
                continue
            if outcome.reason is not None:
                log.warning("%s at %s: %s", order.id, order.provider, outcome.reason)
            self._settle(order, outcome)
        return bool(claimed)

    def is_done(self, space: SpaceId) -> bool:
        """Tell whether all that is to be asked now in a space was asked, by whomever."""
        now = clock.now()
        return not self._db.read(lambda tx: orders.is_due(tx, space, now=now))

    @contextmanager
    def _renewed(self, order: Order) -> Iterator[None]:
        """Renew the lease while a provider is asked: who dies then leaves the order soon."""
        done = threading.Event()

        def renew() -> None:
            while not done.wait(self._renew_s):
                try:
                    kept = self._db.write_now(lambda tx: orders.renew(tx, order, now=clock.now()))
                except Exception as error:  # noqa: BLE001 - then others may ask, too: it is safe
                    log.warning("the lease of %s was not renewed: %s", order.id, error)
                    continue
                if not kept:
                    return

        thread = threading.Thread(target=renew, name="tallybook-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _settle(self, order: Order, outcome: Outcome) -> None:
        self._db.write_now(lambda tx: charge.settle(tx, order, outcome, now=clock.now()))

    def _ask(self, order: Order) -> Outcome | None:
        """Return what the provider says; None if the order is somebody else's by now."""
        mode = self._db.read(lambda tx: identity.get_space(tx, order.space)).mode
        gateway = self._gateways.get(mode)
        if gateway is None or gateway.provider != order.provider:
            return self._without_gateway(order, mode)
        try:
            if order.kind is OrderKind.REFUND:
                return gateway.refund(order)
            if order.reference is None:
                made = gateway.prepare(order)
                if made.reference is None:
                    return made
                if not self._db.write_now(
                    partial(_keep_reference, order=order, reference=made.reference)
                ):
                    return None
                order = replace(order, reference=made.reference)
            return gateway.charge(order)
        except Exception as error:  # it may have been done: never guess
            log.exception("%s could not be asked for", order.id)
            return Outcome(Result.LOST, f"an error of ours: {type(error).__name__}")

    def _without_gateway(self, order: Order, mode: Mode) -> Outcome:
        setting = "stripe_key" if mode is Mode.LIVE else "stripe_test_key"
        reason = f"this server has no key of {order.provider}: set {setting}"
        is_untouched = order.kind is OrderKind.CHARGE and order.reference is None
        return Outcome(Result.DECLINED if is_untouched else Result.WAITING, reason)


def _keep_reference(tx: Tx, order: Order, reference: str) -> bool:
    """Write the provider's id before money moves; False if the order is somebody else's by now."""
    if not orders.keep_reference(tx, order, reference):
        return False
    payments.note_reference(tx, order.space, order.id, reference)
    return True
