"""All of identity's SQL."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.exc import NoResultFound

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.storage.prepared import SPACE, Prepared

from .models import ApiKey, Caller, Mode, Project, Scope, Settings, Space
from .rules import settings
from .tables import api_keys, projects, spaces

_SPACE_COLUMNS = (
    spaces.c.id,
    spaces.c.project_id,
    spaces.c.mode,
    spaces.c.clock_at,
    spaces.c.watches_revenue,
    spaces.c.has_hard_stops,
    projects.c.timezone,
    projects.c.default_currency,
    projects.c.settings,
)
_GET_SPACE: Final = Prepared(
    lambda _: select(*_SPACE_COLUMNS).join(projects).where(spaces.c.id == SPACE)
)


def add_project(tx: Tx, project: Project) -> dict[Mode, Space]:
    row = {**asdict(project), "settings": settings.to_json(project.settings)}
    tx.execute(insert(projects).values(row))
    made = {}
    for mode in Mode:
        row = {"project_id": project.id, "mode": mode.value, "clock_at": None}
        tx.execute(insert(spaces).values(row))
        t = spaces.c
        query = select(t.id).where(t.project_id == project.id, t.mode == mode.value)
        space = SpaceId(tx.execute(query).scalar_one())
        made[mode] = Space(
            space,
            project.id,
            mode,
            None,
            project.timezone,
            project.default_currency,
            project.settings,
        )
    return made


def find_project(tx: Tx, project_id: str) -> Project | None:
    def load() -> Project | None:
        query = select(projects).where(projects.c.id == project_id)
        row = tx.execute(query).mappings().one_or_none()
        return None if row is None else _project(row)

    return tx.kept(("project", project_id), load)


def save_settings(tx: Tx, project: Project, changed: Settings) -> Project:
    row = {"settings": settings.to_json(changed)}
    tx.forget(("project", project.id))
    tx.execute(update(projects).where(projects.c.id == project.id).values(row))
    return replace(project, settings=changed)


def list_projects(tx: Tx) -> list[Project]:
    query = select(projects).order_by(projects.c.created_at, projects.c.id)
    return [_project(row) for row in tx.execute(query).mappings()]


def list_spaces(tx: Tx) -> list[Space]:
    query = select(*_SPACE_COLUMNS).join(projects).order_by(spaces.c.id)
    return [_space(row) for row in tx.execute(query).mappings()]


def find_space(tx: Tx, project_id: str, mode: Mode) -> Space | None:
    mine = (spaces.c.project_id == project_id, spaces.c.mode == mode.value)
    row = tx.execute(select(*_SPACE_COLUMNS).join(projects).where(*mine)).mappings().one_or_none()
    return None if row is None else _space(row)


def get_space(tx: Tx, space: SpaceId) -> Space:
    def load() -> Space:
        row = tx.row(_GET_SPACE, space=space)
        if row is None:
            raise NoResultFound()
        return _space(row)

    return tx.kept(("space", space), load)


def list_clocks(tx: Tx) -> dict[SpaceId, datetime]:
    """The spaces whose clock is set, with their time."""
    query = select(spaces.c.id, spaces.c.clock_at).where(spaces.c.clock_at.is_not(None))
    return {SpaceId(row.id): row.clock_at for row in tx.execute(query)}


def set_clock(tx: Tx, space: SpaceId, at: datetime) -> None:
    tx.execute(update(spaces).where(spaces.c.id == space).values(clock_at=at))
    tx.forget(("space", space))


def set_budgets(tx: Tx, space: SpaceId, *, watches_revenue: bool, has_hard_stops: bool) -> None:
    flags = {"watches_revenue": int(watches_revenue), "has_hard_stops": int(has_hard_stops)}
    tx.execute(update(spaces).where(spaces.c.id == space).values(flags))
    tx.forget(("space", space))


def add_key(tx: Tx, key: ApiKey, *, digest: bytes) -> None:
    row = {
        "id": key.id,
        "space_id": key.space,
        "digest": digest,
        "scope": key.scope.value,
        "name": key.name,
        "hint": key.hint,
        "created_at": key.created_at,
        "revoked_at": None,
    }
    tx.execute(insert(api_keys).values(row))


def find_caller(tx: Tx, digest: bytes) -> tuple[Caller, datetime | None] | None:
    """Return who has the key of this digest, and when it was revoked."""
    k = api_keys.c
    query = (
        select(k.id.label("key_id"), k.scope, k.revoked_at, *_SPACE_COLUMNS)
        .join(spaces, spaces.c.id == k.space_id)
        .join(projects, projects.c.id == spaces.c.project_id)
        .where(k.digest == digest)
    )
    row = tx.execute(query).mappings().one_or_none()
    if row is None:
        return None
    return Caller(row["key_id"], Scope(row["scope"]), _space(row)), row["revoked_at"]


def list_keys(tx: Tx, project_id: str) -> list[ApiKey]:
    query = (
        select(api_keys, spaces.c.mode)
        .join(spaces, spaces.c.id == api_keys.c.space_id)
        .where(spaces.c.project_id == project_id)
        .order_by(api_keys.c.created_at, api_keys.c.id)
    )
    return [_key(row) for row in tx.execute(query).mappings()]


def find_key(tx: Tx, key_id: str) -> ApiKey | None:
    query = (
        select(api_keys, spaces.c.mode)
        .join(spaces, spaces.c.id == api_keys.c.space_id)
        .where(api_keys.c.id == key_id)
    )
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else _key(row)


def revoke_key(tx: Tx, key_id: str, at: datetime) -> None:
    live = (api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    tx.execute(update(api_keys).where(*live).values(revoked_at=at))


def _project(row: Mapping[Any, Any]) -> Project:
    return Project(
        row["id"],
        row["name"],
        row["timezone"],
        row["default_currency"],
        row["created_at"],
        settings.from_json(row["settings"]),
    )


def _space(row: Mapping[Any, Any]) -> Space:
    return Space(
        SpaceId(row["id"]),
        row["project_id"],
        Mode(row["mode"]),
        row["clock_at"],
        row["timezone"],
        row["default_currency"],
        settings.from_json(row["settings"]),
        bool(row["watches_revenue"]),
        bool(row["has_hard_stops"]),
    )


def _key(row: Mapping[Any, Any]) -> ApiKey:
    return ApiKey(
        row["id"],
        SpaceId(row["space_id"]),
        Mode(row["mode"]),
        Scope(row["scope"]),
        row["name"],
        row["hint"],
        row["created_at"],
        row["revoked_at"],
    )
