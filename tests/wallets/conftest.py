"""A customer at the desk, whose books must be right at the end of every test."""

from collections.abc import Iterator

import pytest

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Database

from .steps import Desk


@pytest.fixture
def desk(db: Database, space: SpaceId) -> Iterator[Desk]:
    opened = Desk.open(db, space)
    yield opened
    assert opened.differences() == []
