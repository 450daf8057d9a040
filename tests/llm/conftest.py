"""A server of the vendors' APIs, one for a module."""

from collections.abc import Iterator

import pytest

from .vendors import Vendors


@pytest.fixture(scope="module")
def vendors() -> Iterator[Vendors]:
    made = Vendors()
    yield made
    made.close()
