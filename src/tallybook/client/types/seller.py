"""Results of the seller."""

from os import PathLike
from pathlib import Path
from typing import Final

from tallybook.client.calls import File
from tallybook.client.responses import Result
from tallybook.wire import seller as wire
from tallybook.wire.limits import LOGO_BYTES_MAX

_TYPES: Final = ((b"\x89PNG", "image/png"), (b"\xff\xd8", "image/jpeg"))


class Seller(Result, wire.Seller):
    """Who sells, as it stands on invoices, credit notes and mails."""


def image_file(image: bytes | str | PathLike[str]) -> File:
    """Return what is sent of an image, or of the file at a path. Errors: OSError."""
    if not isinstance(image, bytes):
        with Path(image).open("rb") as file:
            image = file.read(LOGO_BYTES_MAX + 1)  # the server says that this is too large
    found = (kind for start, kind in _TYPES if image.startswith(start))
    return image, next(found, "application/octet-stream")
