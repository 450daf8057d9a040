"""Projects and API keys, as the operator of a server makes them."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from .base import Currency, Instant, Name, Ref, Request, Response

Space = Literal["live", "test"]
KeyScope = Literal["full", "ingest", "read"]
Timezone = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class ProjectCreate(Request):
    """A new project, with a live and a test space."""

    name: Name
    currency: Currency = "USD"
    timezone: Timezone = "UTC"


class Project(Response):
    """A business that bills."""

    id: str
    name: str
    currency: str
    timezone: str
    created_at: Instant


class ProjectCreated(Response):
    """A new project and a full key for each of its spaces; the keys are shown only here."""

    project_id: str
    live_key: str
    test_key: str
    name: str
    currency: str
    timezone: str
    created_at: Instant


class ApiKeyCreate(Request):
    """A new API key of one space."""

    project_id: Ref
    space: Space = "live"
    scope: KeyScope = "full"
    name: Name | None = None


class ApiKey(Response):
    """An API key, without its text. `hint` is its last four characters."""

    id: str
    project_id: str
    space: Space | str
    scope: KeyScope | str
    name: str | None = None
    hint: str
    created_at: Instant
    revoked_at: Instant | None = None


class ApiKeyCreated(ApiKey):
    """A new API key with its text, which is shown only here."""

    key: str


class Health(Response):
    """That the server answers, and its database too."""

    status: Literal["ok"] | str = "ok"
    version: str
