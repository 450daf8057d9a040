"""Reading a usage file of any size, line by line."""

import csv
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

from .errors import Failure, WrongUsage

LINE_BYTES_MAX: Final = 1 << 20
FORMATS: Final = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True, slots=True)
class Line:
    """One record. `raw` is its own bytes without the line end, `end` where it ends in the file.

    A record in quotes may have several lines; `count` says how many, `number` is the first.
    """

    number: int
    count: int
    raw: bytes
    end: int
    fields: dict[str, Any] | None
    problem: str | None = None


class _Lines:
    """The file's lines, and what was taken since the last record."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.taken: list[bytes] = []
        self.number = 0
        self.end = 0

    def next(self) -> bytes | None:
        """Return the next line; None at the end. Errors: Failure (a line without end)."""
        raw = self._file.readline(LINE_BYTES_MAX + 1)
        if not raw:
            return None
        self.number += 1
        if len(raw) > LINE_BYTES_MAX:
            raise Failure(
                f"line {self.number} is longer than {LINE_BYTES_MAX} bytes: is this a usage file?"
            )
        self.taken.append(raw)
        self.end += len(raw)
        return raw

    def texts(self) -> Iterator[str]:
        while (raw := self.next()) is not None:
            encoding = "utf-8-sig" if self.number == 1 else "utf-8"
            yield raw.decode(encoding, errors="surrogateescape")

    def line(self, fields: dict[str, Any] | None, problem: str | None = None) -> Line:
        """Return what was taken as one record."""
        taken, self.taken = self.taken, []
        first = self.number - len(taken) + 1
        raw = b"".join(taken).rstrip(b"\r\n")
        return Line(first, len(taken), raw, self.end, fields, problem)


def format_of(path: Path) -> str:
    """Return `csv` or `jsonl`. Errors: WrongUsage."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise WrongUsage(f"{path.name}: the name must end in {' or '.join(FORMATS)}") from None


def read_lines(file: BinaryIO, kind: str, columns: Collection[str]) -> Iterator[Line]:
    """Return the records one by one; one that cannot be read has a problem instead of fields.

    Errors: WrongUsage (a CSV file without one of the columns); Failure.
    """
    return _read_csv(file, columns) if kind == "csv" else _read_jsonl(file)


def _read_csv(file: BinaryIO, columns: Collection[str]) -> Iterator[Line]:
    lines = _Lines(file)
    reader = csv.reader(lines.texts(), strict=True)
    header: list[str] | None = None
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if header is None:
                raise WrongUsage(f"the header cannot be read: {error}") from None
            yield lines.line(None, f"not valid CSV: {error}")
            continue
        if not cells:
            lines.taken.clear()
        elif header is None:
            header = cells
            _check_header(header, columns)
            lines.taken.clear()
        elif len(cells) != len(header):
            yield lines.line(None, f"{len(cells)} fields, where the header has {len(header)}")
        else:
            text_ok = all(map(_is_unicode, cells))
            fields = dict(zip(header, cells, strict=True)) if text_ok else None
            yield lines.line(fields, None if text_ok else "not UTF-8")
    if header is None:
        raise WrongUsage("the file is empty: its first line must name the columns")


def _check_header(header: list[str], columns: Collection[str]) -> None:
    for column in columns:
        if header.count(column) != 1:
            how = "no" if column not in header else "more than one"
            raise WrongUsage(f"there is {how} column {column!r}; there are: {', '.join(header)}")


def _read_jsonl(file: BinaryIO) -> Iterator[Line]:
    lines = _Lines(file)
    while (raw := lines.next()) is not None:
        if not raw.strip():
            lines.taken.clear()
            continue
        try:
            encoding = "utf-8-sig" if lines.number == 1 else "utf-8"
            fields = json.loads(
                raw.decode(encoding), parse_float=Decimal, parse_constant=_no_constant
            )
        except UnicodeDecodeError:
            yield lines.line(None, "not UTF-8")
        except (ValueError, RecursionError) as error:
            yield lines.line(None, f"not valid JSON: {error}")
        else:
            is_object = isinstance(fields, dict)
            yield lines.line(fields if is_object else None, None if is_object else "no JSON object")


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)
