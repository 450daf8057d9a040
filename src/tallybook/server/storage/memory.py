"""What readers of the embedded database remember between transactions.

One process writes it, so it knows when something has changed: a commit ends all that was
remembered before, but for commits that say that they touch nothing of the kind (`keeps_memory`).
"""

from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

T = TypeVar("T")
ENTRIES_MAX: Final = 20_000  # then all are forgotten


class Memory:
    """Facts by key, each with the generation in which it was read."""

    __slots__ = ("_kept", "generation")

    def __init__(self) -> None:
        self.generation = 0
        self._kept: dict[Hashable, tuple[int, Any]] = {}

    def recall(self, key: Hashable, generation: int, load: Callable[[], T]) -> T:
        """Return what is known of a key since the reader's generation, or load it.

        A reader notes its generation before its snapshot begins. So what it keeps may be newer
        than that, and never older; a commit in between ends it.
        """
        found = self._kept.get(key)
        if found is not None and found[0] == generation == self.generation:
            value: T = found[1]
            return value
        value = load()
        if len(self._kept) >= ENTRIES_MAX:
            self._kept.clear()
        self._kept[key] = (generation, value)
        return value

    def forget(self) -> None:
        """End all that is remembered: call it after a commit, before anybody hears of it."""
        self.generation += 1
