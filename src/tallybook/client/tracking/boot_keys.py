"""Keys that tell which instance counted: for usage that no other instance can repeat."""

import os
import platform
from collections.abc import Callable
from itertools import count
from uuid import uuid4


def boot_keys(instance_id: str | None) -> Callable[[], str]:
    """Return what makes "{instance}:{boot}:{number}", with a boot of its own in every process.

    Holds: no key comes twice, not after a restart and not in the child of a fork, whatever the
    instance is called.
    """
    name = instance_id or os.environ.get("HOSTNAME") or platform.node() or "instance"
    state = (-1, "", count())

    def make() -> str:
        nonlocal state
        if state[0] != os.getpid():  # two threads may come here: then there are two boots
            state = (os.getpid(), str(uuid4()), count())
        _, boot, numbers = state
        return f"{name}:{boot}:{next(numbers)}"

    return make
