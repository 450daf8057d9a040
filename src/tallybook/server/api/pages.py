"""Lists over HTTP: the parameters of a page, and cursors that only fit the list they came from."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends, Query, Request

from tallybook.server.kernel.clock import from_micros, to_micros
from tallybook.server.kernel.errors import FieldError, InvalidInput
from tallybook.server.storage.pages import PageRequest, Rows
from tallybook.wire.base import Page
from tallybook.wire.limits import PAGE_ROWS_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX

from .calls import ReadCall
from .errors import CursorInvalid

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ListParameters:
    """`limit`, `cursor` or `page`, `sort`, `order`, `include_total`, as every list takes them."""

    limit: int
    cursor: str | None
    page: int | None
    sort: str | None
    order: Literal["asc", "desc"]
    include_total: bool


def _parameters(
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE_DEFAULT,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
    page: Annotated[int | None, Query(ge=1)] = None,
    sort: Annotated[str | None, Query(max_length=64)] = None,
    order: Literal["asc", "desc"] = "desc",
    include_total: bool = False,
) -> ListParameters:
    return ListParameters(limit, cursor, page, sort, order, include_total)


def _cursor_parameters(
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE_DEFAULT,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
    order: Literal["asc", "desc"] = "desc",
    include_total: bool = False,
    page: Annotated[int | None, Query(include_in_schema=False)] = None,
) -> ListParameters:
    if page is not None:  # ignored, every page would be the first
        _refuse("?page", "this list goes by cursor: follow next_cursor")
    return ListParameters(limit, cursor, None, None, order, include_total)


def _part_parameters(
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE_DEFAULT,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
    page: Annotated[int | None, Query(ge=1)] = None,
    include_total: bool = False,
) -> ListParameters:
    _one_place(limit, cursor, page)
    return ListParameters(limit, cursor, page, None, "asc", include_total)


Paging = Annotated[ListParameters, Depends(_parameters)]
CursorPaging = Annotated[ListParameters, Depends(_cursor_parameters)]
"""For events, transactions and deliveries: no page numbers, one order."""
PartPaging = Annotated[ListParameters, Depends(_part_parameters)]
"""For lists that are read whole, in an order of their own."""


def page_request(
    call: ReadCall, given: ListParameters, sorts: Sequence[str] = ("created_at",)
) -> PageRequest:
    """Return what to fetch.

    Errors: InvalidInput (unknown sort; cursor with page; too deep a page); CursorInvalid.
    """
    if given.sort is not None and given.sort not in sorts:
        _refuse("?sort", f"must be one of {', '.join(sorts)}")
    _one_place(given.limit, given.cursor, given.page)
    sort = given.sort or sorts[0]
    after = _decode(call, given, sort) if given.cursor is not None else None
    return PageRequest(given.limit, sort, given.order, after, given.page, given.include_total)


def to_page(
    call: ReadCall, request: PageRequest, rows: Rows, shape: Callable[[Mapping[Any, Any]], T]
) -> Page[T]:
    """Return the page of an answer; `shape` makes the wire model of a row."""
    return Page[T](
        data=[shape(row) for row in rows.rows],
        has_more=rows.last is not None,
        next_cursor=None if rows.last is None else _encode(call, request, rows.last),
        limit=request.limit,
        page=request.page,
        total_count=rows.total,
    )


def whole_page(items: Sequence[T], limit: int | None = None) -> Page[T]:
    """Return a list that is short by nature as its only page."""
    return Page[T](
        data=list(items), has_more=False, limit=limit or PAGE_SIZE_MAX, total_count=len(items)
    )


def part_of(call: ReadCall, given: ListParameters, items: Sequence[T]) -> Page[T]:
    """Return a page of a list that was read whole. Errors: CursorInvalid."""
    if given.cursor is not None:
        start = int(_decode(call, given, "place")[1])
    else:
        start = ((given.page or 1) - 1) * given.limit
    end = start + given.limit
    has_more, wants_total = end < len(items), given.page is not None or given.include_total
    request = PageRequest(given.limit, "place", given.order)
    return Page[T](
        data=list(items[start:end]),
        has_more=has_more,
        next_cursor=_encode(call, request, (None, str(end))) if has_more else None,
        limit=given.limit,
        page=given.page,
        total_count=len(items) if wants_total else None,
    )


def _one_place(limit: int, cursor: str | None, page: int | None) -> None:
    if page is None:
        return
    if cursor is not None:
        _refuse("?page", "give page or cursor, not both")
    if page * limit > PAGE_ROWS_MAX:
        _refuse("?page", f"reaches past {PAGE_ROWS_MAX} rows: use cursors")


def _refuse(pointer: str, detail: str) -> None:
    raise InvalidInput(errors=[FieldError(pointer, "invalid", detail)])


def _scope(call: ReadCall, sort: str | None, order: str) -> bytes:
    return f"{call.space} {call.request.url.path} {sort} {order} ".encode()


def _sign(request: Request, scope: bytes, body: bytes) -> bytes:
    pepper: bytes = request.app.state.pepper
    return hmac.digest(pepper, b"cursor " + scope + body, "sha256")[:12]


def _encode(call: ReadCall, request: PageRequest, last: tuple[Any, str]) -> str:
    value, key = last
    if isinstance(value, datetime):
        value = {"at": to_micros(value)}
    body = json.dumps([value, key], separators=(",", ":")).encode()
    signature = _sign(call.request, _scope(call, request.sort, request.order), body)
    return urlsafe_b64encode(signature + body).decode().rstrip("=")


def _decode(call: ReadCall, given: ListParameters, sort: str) -> tuple[Any, str]:
    assert given.cursor is not None
    try:
        raw = urlsafe_b64decode(given.cursor.encode() + b"==")
    except (Base64Error, ValueError):
        raise CursorInvalid() from None
    signature, body = raw[:12], raw[12:]
    if not hmac.compare_digest(
        signature, _sign(call.request, _scope(call, sort, given.order), body)
    ):
        raise CursorInvalid()
    value, key = json.loads(body)
    return (from_micros(value["at"]) if isinstance(value, dict) else value), key
