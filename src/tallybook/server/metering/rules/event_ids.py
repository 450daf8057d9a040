"""Event ids are UUIDv7s that carry the row's position, so that finding one needs no index.

48 bits of receipt time in milliseconds, then the position, scrambled so that an id does not
tell how many events the installation has. RFC 9562 leaves the last bits to the maker.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tallybook.server.kernel.clock import to_micros

_BITS: Final = 62
_MASK: Final = (1 << _BITS) - 1
_FACTOR: Final = 0x2545F4914F6CDD1D & _MASK  # odd, so multiplication modulo 2^62 can be undone
_INVERSE: Final = pow(_FACTOR, -1, 1 << _BITS)


def event_id(position: int, received_at: datetime) -> str:
    """Return the id of the event at `position` (1 or more)."""
    return event_ids([position], received_at)[0]


def event_ids(positions: Sequence[int], received_at: datetime) -> list[str]:
    """Return the ids of events that were received together."""
    common = to_micros(received_at) // 1000 << 80 | 0x7 << 76 | 0b10 << 62
    ids = []
    for position in positions:
        scrambled = position * _FACTOR & _MASK
        ids.append(f"evt_{common | (scrambled >> 50) << 64 | scrambled:032x}")
    return ids


def read_event_id(text: str) -> tuple[int, int] | None:
    """Return the position and the receipt time (ms) of an event id, None if it is none of ours."""
    if len(text) != 36 or not text.startswith("evt_"):
        return None
    try:
        value = int(text[4:], 16)
    except ValueError:
        return None
    return (value & _MASK) * _INVERSE & _MASK, value >> 80
