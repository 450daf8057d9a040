"""Keys that say "the same intent": made once, sent with every try."""

import os
import time
from uuid import UUID


def new_key() -> str:
    """Return a fresh key, a UUIDv7 (RFC 9562): servers find keys that rise in time quickly."""
    ms = time.time_ns() // 1_000_000
    tail = int.from_bytes(os.urandom(10), "big")
    value = ms << 80 | 0x7 << 76 | (tail >> 68) << 64 | 0b10 << 62 | tail & (1 << 62) - 1
    return str(UUID(int=value))
