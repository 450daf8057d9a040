"""Endpoints, receivers, and one attempt at a time."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from tallybook.server.kernel import clock
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Database, outbox
from tallybook.server.storage.pages import PageRequest
from tallybook.server.webhooks import delivering, feed, service
from tallybook.server.webhooks.models import Claimed, Delivery, Endpoint
from tallybook.server.webhooks.posting import Poster
from tallybook.server.webhooks.sender import Sender
from tests.conftest import Home

from .receiver import LOOPBACK, Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@dataclass
class Desk:
    """What a test of webhooks does again and again."""

    db: Database
    space: SpaceId
    project_id: str
    poster: Poster

    def endpoint(self, url: str, events: list[str] | None = None) -> Endpoint:
        return self.db.write_now(
            lambda tx: service.create(
                tx, self.space, url=url, events=events, description=None, at=clock.now()
            )
        )

    def get(self, endpoint: Endpoint) -> Endpoint:
        return self.db.read(lambda tx: service.get(tx, self.space, endpoint.id))

    def tell(self, event: str = "customer.created", object_id: str = "cus_1") -> str:
        return self.db.write_now(
            lambda tx: outbox.append(
                tx,
                self.space,
                event=event,
                object_id=object_id,
                data={"customer_id": object_id},
                at=clock.now(),
            )
        )

    def publish(self, now: datetime | None = None) -> int:
        at = now or clock.now()
        return self.db.write_now(lambda tx: feed.publish(tx, now=at))

    def claim(self, now: datetime | None = None, places: int = 100) -> list[Claimed]:
        at = now or clock.now()
        return self.db.write_now(
            lambda tx: delivering.claim(tx, now=at, places=lambda _key: places, limit=1000)
        )

    def post(self, work: Claimed, now: datetime | None = None) -> bool:
        """Post one delivery and settle it, as of a time."""
        outcome = asyncio.run(self.poster.post(work))
        at = now or clock.now()
        return self.db.write_now(
            lambda tx: delivering.settle(tx, work, outcome, chance=0.5, now=at)
        )

    def deliver(self, now: datetime | None = None) -> int:
        """Publish, and make one attempt of all that is due."""
        self.publish(now)
        return sum(self.post(work, now) for work in self.claim(now))

    def deliveries(self, endpoint: Endpoint) -> list[Delivery]:
        def work(tx: Any) -> list[Delivery]:
            rows, found = service.page_of_deliveries(
                tx,
                self.space,
                endpoint.id,
                PageRequest(100, order="asc", sort="created_at"),
                status=None,
                message_id=None,
            )
            return [found[row["id"]] for row in rows.rows]

        return self.db.read(work)


@pytest.fixture
def desk(db: Database, home: Home) -> Desk:
    return Desk(db, home.live.id, home.project_id, Poster(LOOPBACK, timeout_s=2.0))


@pytest.fixture
def sender(desk: Desk) -> Iterator[Callable[..., Sender]]:
    made: list[Sender] = []

    def start(**options: Any) -> Sender:
        sender = Sender(
            desk.db, poster=Poster(LOOPBACK, **{"timeout_s": 2.0, **options}), poll_s=0.05
        )
        made.append(sender)
        sender.start()
        return sender

    yield start
    for sender in made:
        sender.stop()


SOON = timedelta(seconds=10)
