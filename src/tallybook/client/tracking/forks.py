"""A fork copies the memory of one thread, and nobody else's work."""

import os
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    def before_fork(self) -> None:
        """Let no other thread be in the middle of something."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Forget what the parent has: it will send it."""


_living: WeakSet[Forkable] = WeakSet()
_held: list[Forkable] = []


def survive_forks(item: Forkable) -> None:
    """Tell the item of every fork, for as long as someone else keeps it."""
    _living.add(item)


def _before() -> None:
    for item in list(_living):
        item.before_fork()
        _held.append(item)


def _in_parent() -> None:
    while _held:
        _held.pop().after_fork_in_parent()


def _in_child() -> None:
    while _held:
        _held.pop().after_fork_in_child()


if hasattr(os, "register_at_fork"):
    # What a first request would import is imported now: a child that is forked while a thread
    # of the parent imports a module can never import it. socket.getaddrinfo needs this one.
    "localhost".encode("idna")
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
