"""Where a buffer keeps what in Redis, and the steps that must be taken whole.

A list holds what waits. Who takes a batch moves it to a list of its own, and signs for it in
`leases` until a time; when that has passed, whoever takes next puts the batch back. All names
have one hash tag, so that they lie together in a cluster.
"""

from typing import Final
from uuid import uuid4

from .events import QueuedEvent

PUSH_NEW: Final = """
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1]) then return 0 end
redis.call('RPUSH', KEYS[2], ARGV[2])
return 1
"""

TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, late in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
  while redis.call('RPOPLPUSH', late, KEYS[1]) do end
  redis.call('ZREM', KEYS[2], late)
end
local taken, size = {}, 0
for _ = 1, tonumber(ARGV[1]) do
  local item = redis.call('LINDEX', KEYS[1], 0)
  if not item or (#taken > 0 and size + #item > tonumber(ARGV[2])) then break end
  size = size + #item
  redis.call('RPUSH', KEYS[3], redis.call('LPOP', KEYS[1]))
  taken[#taken + 1] = item
end
if #taken > 0 then redis.call('ZADD', KEYS[2], now + ARGV[3], KEYS[3]) end
return taken
"""

DONE: Final = """
if redis.call('ZREM', KEYS[1], KEYS[2]) == 0 then return 0 end
redis.call('DEL', KEYS[2])
for n = #ARGV, 1, -1 do redis.call('LPUSH', KEYS[3], ARGV[n]) end
return 1
"""


class RedisKeys:
    def __init__(self, prefix: str) -> None:
        self._root = f"{prefix}{{usage}}:"
        self.waiting = f"{self._root}waiting"
        self.leases = f"{self._root}leases"

    def seen(self, idempotency_key: str) -> str:
        return f"{self._root}seen:{idempotency_key}"

    def batch(self) -> str:
        return f"{self._root}batch:{uuid4()}"


def lives_in_loop(redis: object) -> bool:
    return any(".asyncio" in base.__module__ for base in type(redis).__mro__)


def to_item(body: bytes, tries: int = 0) -> bytes:
    return b"%d %b" % (tries, body)


def from_item(item: bytes | str, sequence: int, now_s: float) -> QueuedEvent:
    raw = item.encode() if isinstance(item, str) else item
    tries, body = raw.split(b" ", 1)
    event = QueuedEvent(sequence, "", body, now_s, int(tries))
    return QueuedEvent(sequence, event.fields["idempotency_key"], body, now_s, int(tries))
