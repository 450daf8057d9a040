"""What a list finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from tallybook.server.storage.pages import Rows

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """One page: its rows, for the cursor, and by each row's id the fact that it holds."""

    rows: Rows
    facts: Mapping[str, T]
