"""Is this an image that a document can carry? Read whole, and bounded, before anything keeps it."""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from tallybook.server.seller.errors import LogoRefused
from tallybook.server.seller.models import Logo
from tallybook.wire.limits import LOGO_PIXELS_MAX

PNG: Final = "image/png"
JPEG: Final = "image/jpeg"
_PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
_JPEG_MAGIC: Final = b"\xff\xd8\xff"
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by PNG colour type
_DEPTHS: Final = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_ADAM7: Final = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)
)  # fmt: skip
_PACKED: Final = frozenset({b"iCCP", b"zTXt", b"iTXt"})
_ANIMATED: Final = frozenset({b"acTL", b"fcTL", b"fdAT"})
_UNPACKED_MAX: Final = 1 << 20  # bytes that a profile or text in a PNG may unpack to
_STEP: Final = 1 << 20
_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})  # JPEG: baseline, extended, progressive
_NO_FRAMES: Final = frozenset({0xC4, 0xC8, 0xCC})  # markers among those of frames
_SCANS_MAX: Final = 100


def read_image(data: bytes, content_type: str) -> Logo:
    """Return what a PNG or JPEG is. Errors: LogoRefused, which says what is wrong.

    Nothing may stand behind the image, so that the bytes are no other kind of file as well.
    """
    found = PNG if data.startswith(_PNG_MAGIC) else JPEG
    if not data.startswith((_PNG_MAGIC, _JPEG_MAGIC)):
        raise LogoRefused(reason="it is neither a PNG nor a JPEG")
    if content_type.partition(";")[0].strip().lower() != found:
        raise LogoRefused(reason=f"the Content-Type is not {found}, which the bytes are")
    try:
        width, height = _read_png(data) if found == PNG else _read_jpeg(data)
    except (struct.error, IndexError):
        raise LogoRefused(reason="it is cut off") from None
    return Logo.of(data, found, width, height)


def _check_size(width: int, height: int) -> None:
    if not (0 < width <= LOGO_PIXELS_MAX and 0 < height <= LOGO_PIXELS_MAX):
        raise LogoRefused(reason=f"it is {width} x {height} pixels large")


def _read_png(data: bytes) -> tuple[int, int]:
    chunks = list(_png_chunks(data))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise LogoRefused(reason="its header is broken")
    width, height, depth, colour, method, filters, interlace = struct.unpack(
        ">IIBBBBB", chunks[0][1]
    )
    _check_size(width, height)
    if depth not in _DEPTHS.get(colour, ()) or (method, filters) != (0, 0) or interlace > 1:
        raise LogoRefused(reason="its header is broken")
    for name, body in chunks:
        if name in _ANIMATED:
            raise LogoRefused(reason="it moves")
        if name[:1].isupper() and name not in (b"IHDR", b"PLTE", b"IDAT", b"IEND"):
            raise LogoRefused(reason="it has a part that no PNG has")
        if name in _PACKED and not _unpacks(name, body):
            raise LogoRefused(reason="a profile or text in it is too large, or broken")
    bits = depth * _CHANNELS[colour]
    passes = _ADAM7 if interlace else ((0, 0, 1, 1),)
    rows = [_rows_of(width, height, bits, *one) for one in passes]
    _check_pixels(b"".join(body for name, body in chunks if name == b"IDAT"), sum(rows))
    return width, height


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG_MAGIC)
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        body, end = data[at + 8 : at + 8 + size], at + 12 + size
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(name + body) != checksum:
            raise LogoRefused(reason="it is damaged: a checksum is wrong")
        yield name, body
        at = end
        if name == b"IEND":
            if at != len(data):
                raise LogoRefused(reason="something stands behind the image")
            return
    raise LogoRefused(reason="it is cut off")


def _unpacks(name: bytes, body: bytes) -> bool:
    """Tell whether what a chunk packs, behind its name and the way of packing, stays small."""
    _, _, behind = body.partition(b"\0")
    if name == b"iTXt":
        if behind[:1] == b"\0":
            return True  # it is not packed
        _, _, behind = behind[2:].partition(b"\0")
        _, _, packed = behind.partition(b"\0")
    else:
        packed = behind[1:]
    stream = zlib.decompressobj()
    try:
        stream.decompress(packed, _UNPACKED_MAX)
    except zlib.error:
        return False
    return stream.eof


def _rows_of(width: int, height: int, bits: int, x: int, y: int, dx: int, dy: int) -> int:
    """Return how many bytes the rows of one pass have, each with its filter before it."""
    columns, rows = -(-(width - x) // dx), -(-(height - y) // dy)
    return rows * (1 + -(-columns * bits // 8)) if columns > 0 and rows > 0 else 0


def _check_pixels(packed: bytes, expected: int) -> None:
    """Unpack the pixels, a part at a time and never more than the header says."""
    stream, size, rest, part = zlib.decompressobj(), 0, packed, b"-"
    try:
        while (rest or part) and not stream.eof and size <= expected:
            part = stream.decompress(rest, _STEP)
            size, rest = size + len(part), stream.unconsumed_tail
    except zlib.error:
        raise LogoRefused(reason="its pixels are damaged") from None
    if size < expected or not stream.eof:
        raise LogoRefused(reason="its pixels are cut off" if size < expected else _TOO_MANY)
    if size > expected or stream.unused_data:
        raise LogoRefused(reason=_TOO_MANY)


_TOO_MANY: Final = "it has more pixels than its header says"


def _read_jpeg(data: bytes) -> tuple[int, int]:
    size: tuple[int, int] | None = None
    scans, at = 0, 2
    while True:
        marker, at = _marker(data, at)
        if marker == 0xD9:
            break
        (length,) = struct.unpack_from(">H", data, at)
        body = data[at + 2 : at + length]
        if length < 2 or len(body) != length - 2:
            raise LogoRefused(reason="it is cut off")
        at += length
        if marker in _FRAMES and size is None:
            _, height, width, components = struct.unpack_from(">BHHB", body)
            _check_size(width, height)
            if components not in (1, 3, 4):
                raise LogoRefused(reason="its colours are of a kind that is not taken")
            size = width, height
        elif 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES:
            raise LogoRefused(reason="it is a kind of JPEG that browsers do not show")
        elif marker == 0xDA:
            scans += 1
            at = _end_of_scan(data, at)
        if scans > _SCANS_MAX:
            raise LogoRefused(reason="it has too many layers")
    if size is None or not scans:
        raise LogoRefused(reason="it has no pixels")
    if at != len(data):
        raise LogoRefused(reason="something stands behind the image")
    return size


def _marker(data: bytes, at: int) -> tuple[int, int]:
    if data[at] != 0xFF:
        raise LogoRefused(reason="it is damaged")
    while data[at] == 0xFF:
        at += 1
    return data[at], at + 1


def _end_of_scan(data: bytes, at: int) -> int:
    """Return where the marker behind the pixels of a scan is: 0xFF00 and restarts are none."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise LogoRefused(reason="it is cut off")
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7 and data[at + 1] != 0xFF:
            return at
        at += 1 if data[at + 1] == 0xFF else 2
