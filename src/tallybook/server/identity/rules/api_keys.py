"""How an API key looks: findable when leaked, refused without a look-up when mistyped.

`tb_live_` or `tb_test_`, 32 random base62 characters (190 bits), and a CRC32 of all before it.
"""

import hmac
import re
from typing import Final
from zlib import crc32

from tallybook.server.identity.models import Mode

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_CHARS: Final = 32
CHECK_CHARS: Final = 6
_PREFIXES: Final = {mode: f"tb_{mode.value}_" for mode in Mode}
_SHAPE: Final = re.compile(
    f"(?:{'|'.join(_PREFIXES.values())})[{ALPHABET}]{{{RANDOM_CHARS + CHECK_CHARS}}}"
)


def format_key(mode: Mode, random_text: str) -> str:
    """Return the key for 32 random base62 characters."""
    assert len(random_text) == RANDOM_CHARS
    body = _PREFIXES[mode] + random_text
    return body + _check(body)


def is_well_formed(key: str) -> bool:
    """Tell whether this could be one of our keys: prefix, alphabet, length, checksum."""
    if not _SHAPE.fullmatch(key):
        return False
    return hmac.compare_digest(_check(key[:-CHECK_CHARS]), key[-CHECK_CHARS:])


def digest(key: str, pepper: bytes) -> bytes:
    """Return what is stored of a key: an HMAC-SHA256 under the installation's pepper."""
    return hmac.digest(pepper, key.encode(), "sha256")


def _check(body: str) -> str:
    number, text = crc32(body.encode()), ""
    for _ in range(CHECK_CHARS):
        number, index = divmod(number, len(ALPHABET))
        text = ALPHABET[index] + text
    return text
