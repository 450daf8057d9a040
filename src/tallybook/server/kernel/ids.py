"""Ids are a prefix and a UUIDv7: they sort by creation, and say what they name."""

import os
import threading
import time
from typing import Final, NewType

SpaceId = NewType("SpaceId", int)  # the tenant key: a project's live or test half

_lock = threading.Lock()
_last_ms = 0
_sequence = 0
_random = b""  # taken from the system some hundred ids at a time
_SEQUENCE_MAX: Final = (1 << 26) - 1
_RANDOM_BYTES: Final = 9  # 48 bits of each id, and 24 to start a millisecond with


def uuid7_hex() -> str:
    """Return 32 hex digits of a UUIDv7 (RFC 9562), strictly rising within this process.

    26 bits behind the millisecond count calls within it; 48 bits are random.
    """
    global _last_ms, _sequence, _random  # noqa: PLW0603 - the counter is the point
    with _lock:
        if len(_random) < _RANDOM_BYTES:
            _random = os.urandom(_RANDOM_BYTES * 400)
        drawn, _random = _random[:_RANDOM_BYTES], _random[_RANDOM_BYTES:]
        now_ms = time.time_ns() // 1_000_000
        if now_ms > _last_ms:
            _last_ms = now_ms
            _sequence = int.from_bytes(drawn[6:], "big") >> 1  # room to count upwards
        elif _sequence >= _SEQUENCE_MAX:
            _last_ms += 1
            _sequence = 0
        else:
            _sequence += 1
        ms, seq = _last_ms, _sequence
    tail = int.from_bytes(drawn[:6], "big")
    value = ms << 80 | 0x7 << 76 | (seq >> 14) << 64 | 0b10 << 62 | (seq & 0x3FFF) << 48 | tail
    return f"{value:032x}"


def _draw_anew() -> None:
    global _random  # noqa: PLW0603
    _random = b""


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_draw_anew)


def new_id(prefix: str) -> str:
    """Return a fresh id such as `cus_0193…`."""
    return f"{prefix}_{uuid7_hex()}"
