"""Small pictures, sound and hostile."""

import struct
import zlib
from typing import Final

MAGIC: Final = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(name + body)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)


def png(
    width: int = 12,
    height: int = 6,
    *,
    colour: tuple[int, int, int] = (20, 90, 160),
    pixels: bytes | None = None,
    depth: int = 8,
    kind: int = 2,
    more: tuple[bytes, ...] = (),
) -> bytes:
    """Return a PNG of one colour; `pixels` are its rows, each with a filter before it."""
    if pixels is None:
        pixels = (b"\0" + bytes(colour) * width) * height
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = [
        chunk(b"IHDR", header),
        *more,
        chunk(b"IDAT", zlib.compress(pixels, 9)),
        chunk(b"IEND", b""),
    ]
    return MAGIC + b"".join(parts)


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg(width: int = 16, height: int = 8, *, frame: int = 0xC0, more: bytes = b"") -> bytes:
    """Return a grey JPEG: each block of 8 x 8 is two bits, no difference and no detail."""
    bits = 2 * (-(-width // 8)) * (-(-height // 8))
    scan = int("0" * bits + "1" * (-bits % 8), 2).to_bytes(-(-bits // 8), "big")
    one_code = bytes([1, *[0] * 15, 0])
    return b"".join(
        (
            b"\xff\xd8",
            segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
            more,
            segment(0xDB, b"\0" + b"\1" * 64),
            segment(frame, struct.pack(">BHHB3B", 8, height, width, 1, 1, 0x11, 0)),
            segment(0xC4, b"\x00" + one_code + b"\x10" + one_code),
            segment(0xDA, b"\1\1\0\0\x3f\0"),
            scan.replace(b"\xff", b"\xff\0"),
            b"\xff\xd9",
        )
    )
