"""Projects, keys, clocks."""

import secrets as randomness
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.kernel.money import minor_units
from tallybook.server.storage import Tx, secrets

from . import store
from .errors import (
    ApiKeyNotFound,
    ApiKeyRevoked,
    InvalidApiKey,
    ProjectNotFound,
    TestKeyRequired,
    UnknownTimezone,
)
from .models import ApiKey, Caller, Mode, Project, Scope, Space
from .rules import api_keys, clock


def create_project(
    tx: Tx, *, name: str, currency: str, timezone: str, at: datetime
) -> tuple[Project, dict[Mode, Space]]:
    """Create a project with a live and a test space.

    Errors: UnknownCurrency, UnknownTimezone.
    """
    minor_units(currency)
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownTimezone(timezone=timezone) from None
    project = Project(new_id("prj"), name, timezone, currency, at)
    return project, store.add_project(tx, project)


def get_project(tx: Tx, project_id: str) -> Project:
    project = store.find_project(tx, project_id)
    if project is None:
        raise ProjectNotFound(project_id=project_id)
    return project


def list_projects(tx: Tx) -> list[Project]:
    return store.list_projects(tx)


def change_settings(tx: Tx, project_id: str, fields: Mapping[str, Any]) -> Project:
    """Set the given switches of a project. Errors: ProjectNotFound."""
    project = get_project(tx, project_id)
    return store.save_settings(tx, project, replace(project.settings, **_frozen(fields)))


def _frozen(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {n: tuple(value) if isinstance(value, list) else value for n, value in fields.items()}


def list_spaces(tx: Tx) -> list[Space]:
    return store.list_spaces(tx)


def get_space(tx: Tx, space: SpaceId) -> Space:
    return store.get_space(tx, space)


def find_space(tx: Tx, project_id: str, mode: Mode) -> Space:
    space = store.find_space(tx, project_id, mode)
    if space is None:
        raise ProjectNotFound(project_id=project_id)
    return space


def create_key(
    tx: Tx, space: Space, *, scope: Scope, name: str | None = None, at: datetime
) -> tuple[ApiKey, str]:
    """Create an API key; return it and its text, which is shown once and not stored."""
    letters = (randomness.choice(api_keys.ALPHABET) for _ in range(api_keys.RANDOM_CHARS))
    text = api_keys.format_key(space.mode, "".join(letters))
    key = ApiKey(new_id("key"), space.id, space.mode, scope, name, text[-4:], at, None)
    store.add_key(tx, key, digest=api_keys.digest(text, pepper(tx)))
    return key, text


def list_keys(tx: Tx, project_id: str) -> list[ApiKey]:
    return store.list_keys(tx, project_id)


def revoke_key(tx: Tx, key_id: str, *, at: datetime) -> ApiKey:
    """Refuse the key from the next request on. Revoking twice changes nothing."""
    if store.find_key(tx, key_id) is None:
        raise ApiKeyNotFound(key_id=key_id)
    store.revoke_key(tx, key_id, at)
    key = store.find_key(tx, key_id)
    assert key is not None
    return key


def pepper(tx: Tx) -> bytes:
    return secrets.get_or_create(tx, "api_key_pepper")


def authenticate(tx: Tx, text: str, *, pepper: bytes) -> Caller:
    """Return who sends this key.

    Errors: InvalidApiKey; ApiKeyRevoked.
    """
    if not api_keys.is_well_formed(text):
        raise InvalidApiKey()
    found = store.find_caller(tx, api_keys.digest(text, pepper))
    if found is None:
        raise InvalidApiKey()
    caller, revoked_at = found
    if revoked_at is not None:
        raise ApiKeyRevoked()
    return caller


def list_clocks(tx: Tx) -> dict[SpaceId, datetime]:
    return store.list_clocks(tx)


def check_clock(space: Space, to: datetime, *, now: datetime, is_empty: bool) -> None:
    """Errors: TestKeyRequired (live space); ClockGoesForward."""
    if space.mode is not Mode.TEST:
        raise TestKeyRequired()
    clock.check_move(current=space.clock_at, to=to, now=now, is_empty=is_empty)


def set_clock(tx: Tx, space: SpaceId, to: datetime) -> None:
    """Set a test space's clock; what falls due up to then is the caller's to run."""
    store.set_clock(tx, space, to)


def note_budgets(tx: Tx, space: SpaceId, *, watches_revenue: bool, has_hard_stops: bool) -> None:
    """Say which kinds of budgets a space has, so that those without pay nothing for them."""
    store.set_budgets(tx, space, watches_revenue=watches_revenue, has_hard_stops=has_hard_stops)
