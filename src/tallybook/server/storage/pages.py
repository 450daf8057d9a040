"""Lists: by cursor, or by page number where a table wants one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from .tx import Tx


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list. `after` is the sort value and id of the last row seen."""

    limit: int
    sort: str | None = None
    order: Literal["asc", "desc"] = "desc"
    after: tuple[Any, str] | None = None
    page: int | None = None
    include_total: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of rows. `last` is where the next one starts, None at the end."""

    rows: Sequence[Mapping[Any, Any]]
    last: tuple[Any, str] | None
    total: int | None


FIRST: Final = PageRequest(limit=100)


def fetch(
    tx: Tx,
    query: Select[Any],
    request: PageRequest,
    *,
    key: ColumnElement[str],
    sorts: Mapping[str, ColumnElement[Any]],
    default: str = "created_at",
) -> Rows:
    """Return one page of `query`, ordered by a column of `sorts`, then by `key`.

    The sort columns are never NULL. Errors: KeyError (a sort that is not in `sorts`).
    """
    column = sorts[request.sort or default]
    wanted = query.add_columns(column.label("_sort"), key.label("_key"))
    if request.after is not None:
        value, last_id = request.after
        beyond = column > value if request.order == "asc" else column < value
        tie = key > last_id if request.order == "asc" else key < last_id
        wanted = wanted.where(tie if column is key else or_(beyond, and_(column == value, tie)))
    order = (key,) if column is key else (column, key)
    if request.order == "asc":
        wanted = wanted.order_by(*(one.asc() for one in order))
    else:
        wanted = wanted.order_by(*(one.desc() for one in order))
    if request.page is not None:
        wanted = wanted.offset((request.page - 1) * request.limit)
    rows = tx.execute(wanted.limit(request.limit + 1)).mappings().all()
    more, rows = len(rows) > request.limit, rows[: request.limit]
    total = None
    if request.page is not None or request.include_total:
        total = tx.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    last = (rows[-1]["_sort"], rows[-1]["_key"]) if more else None
    return Rows(rows, last, total)


def contains(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Match a part of a text, ignoring case; `%` and `_` mean themselves."""
    escaped = text.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return func.lower(column).like(f"%{escaped}%", escape="\\")
