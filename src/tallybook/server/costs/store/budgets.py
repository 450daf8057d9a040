"""The SQL of budgets and of what is spent of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, insert, or_, select, text, tuple_, update

from tallybook.server.costs.models import Budget, BudgetKind, BudgetPeriod, BudgetWindow
from tallybook.server.costs.tables import budget_entries, budget_windows, budgets
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.kernel.money import plain
from tallybook.server.kernel.periods import Span
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows, fetch


def share(tx: Tx, space: SpaceId) -> None:
    """Keep the budgets of a space as they are until the commit; any number may share them."""
    _lock(tx, "SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, 0))", space)


def hold(tx: Tx, space: SpaceId) -> None:
    """Keep costs out until the commit, and wait for those that are on their way in."""
    _lock(tx, "SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))", space)


def _lock(tx: Tx, statement: str, space: SpaceId) -> None:
    if not tx.is_sqlite:  # there is one writer
        tx.execute(text(statement), {"name": f"budgets:{space}"})


def save(tx: Tx, space: SpaceId, budget: Budget) -> None:
    t = budgets.c
    tx.execute(delete(budgets).where(t.space_id == space, t.id == budget.id))
    tx.execute(insert(budgets).values({"space_id": space, **_to_row(budget)}))


def remove(tx: Tx, space: SpaceId, budget_id: str) -> None:
    w, t, e = budget_windows.c, budgets.c, budget_entries.c
    tx.execute(delete(budget_entries).where(e.space_id == space, e.budget_id == budget_id))
    tx.execute(delete(budget_windows).where(w.space_id == space, w.budget_id == budget_id))
    tx.execute(delete(budgets).where(t.space_id == space, t.id == budget_id))


def find(tx: Tx, space: SpaceId, budget_id: str) -> Budget | None:
    t = budgets.c
    query = select(budgets).where(t.space_id == space, t.id == budget_id)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else from_row(row)


def list_all(tx: Tx, space: SpaceId) -> list[Budget]:
    query = select(budgets).where(budgets.c.space_id == space).order_by(budgets.c.id)
    return [from_row(row) for row in tx.execute(query).mappings()]


def list_page(tx: Tx, space: SpaceId, page: PageRequest, **filters: Any) -> Rows:
    t = budgets.c
    query = select(budgets).where(t.space_id == space)
    for name, value in filters.items():
        if value is not None:
            query = query.where(t[name] == value)
    return fetch(tx, query, page, key=t.id, sorts={"created_at": t.created_at})


def add_entries(tx: Tx, space: SpaceId, entries: Sequence[Mapping[str, Any]]) -> None:
    """Keep what usage has brought: budget_id, at, customer_id, amount."""
    rows = [{"space_id": space, "id": new_id("bde"), **entry} for entry in entries]
    tx.execute(insert(budget_entries), rows)


def list_entries(tx: Tx, space: SpaceId) -> Iterator[tuple[str, datetime, Decimal]]:
    """Return (budget, time, amount) of all that usage has brought."""
    e = budget_entries.c
    query = select(e.budget_id, e.at, e.amount).where(e.space_id == space)
    return (tuple(row) for row in tx.execute(query.order_by(e.id)))


def list_stopping(tx: Tx, space: SpaceId, customer_id: str, now: datetime) -> list[Budget]:
    """Return the budgets that deny access now: the customer's, agents', the project's."""
    t, w = budgets.c, budget_windows.c
    query = (
        select(budgets)
        .join(budget_windows, (w.space_id == t.space_id) & (w.budget_id == t.id))
        .where(t.space_id == space, w.space_id == space, w.is_stopped == 1)
        .where(w.end > now, w.start <= now)
        .where(or_(t.customer_id.is_(None), t.customer_id == customer_id))
    )
    return [from_row(row) for row in tx.execute(query).mappings()]


def windows(
    tx: Tx, space: SpaceId, keys: Collection[tuple[str, Span]], *, lock: bool = False
) -> dict[tuple[str, datetime], BudgetWindow]:
    """Return periods by budget and start; locked, they are made first where they are not."""
    wanted = sorted((budget_id, span.start, span.end) for budget_id, span in keys)
    if lock and wanted:
        made = [
            _window_row(space, BudgetWindow(budget_id, start, end))
            for budget_id, start, end in wanted
        ]
        tx.execute(tx.insert(budget_windows).on_conflict_do_nothing(), made)
    w = budget_windows.c
    inside = tuple_(w.budget_id, w.start).in_([(key[0], key[1]) for key in wanted])
    query = select(budget_windows).where(w.space_id == space, inside)
    query = query.order_by(w.budget_id, w.start)
    if lock and not tx.is_sqlite:
        query = query.with_for_update()
    rows = tx.execute(query).mappings() if wanted else ()
    return {(row["budget_id"], row["start"]): _window(row) for row in rows}


def save_windows(tx: Tx, space: SpaceId, changed: Sequence[BudgetWindow]) -> None:
    w = budget_windows.c
    for window in changed:
        mine = (w.space_id == space, w.budget_id == window.budget_id, w.start == window.start)
        tx.execute(update(budget_windows).where(*mine).values(_window_row(space, window)))


def list_windows(tx: Tx, space: SpaceId, *, budget_id: str | None = None) -> Iterator[BudgetWindow]:
    w = budget_windows.c
    query = select(budget_windows).where(w.space_id == space).order_by(w.budget_id, w.start)
    if budget_id is not None:
        query = query.where(w.budget_id == budget_id)
    return (_window(row) for row in tx.execute(query).mappings())


def _window_row(space: SpaceId, window: BudgetWindow) -> dict[str, Any]:
    return {
        "space_id": space,
        "budget_id": window.budget_id,
        "start": window.start,
        "end": window.end,
        "spent": window.spent,
        "told": [plain(share) for share in window.told],
        "is_stopped": int(window.is_stopped),
    }


def _window(row: Mapping[Any, Any]) -> BudgetWindow:
    return BudgetWindow(
        row["budget_id"],
        row["start"],
        row["end"],
        row["spent"],
        tuple(Decimal(share) for share in row["told"]),
        bool(row["is_stopped"]),
    )


def _to_row(budget: Budget) -> dict[str, Any]:
    row = {name: getattr(budget, name) for name in Budget.__dataclass_fields__}
    thresholds = [plain(share) for share in budget.thresholds]
    enums = {"kind": budget.kind.value, "period": budget.period.value}
    flags = {"hard_stop": int(budget.hard_stop), "metadata": dict(budget.metadata)}
    return {**row, **enums, **flags, "thresholds": thresholds}


def from_row(row: Mapping[Any, Any]) -> Budget:
    fields = {name: row[name] for name in Budget.__dataclass_fields__}
    return Budget(
        **{
            **fields,
            "kind": BudgetKind(row["kind"]),
            "period": BudgetPeriod(row["period"]),
            "thresholds": tuple(Decimal(share) for share in row["thresholds"]),
            "hard_stop": bool(row["hard_stop"]),
        }
    )
