"""Projects, API keys and markets, as the operator of a server makes them."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from .base import Currency, Instant, Key, Name, Ref, Request, Response

Space = Literal["live", "test"]
KeyScope = Literal["full", "ingest", "read"]
Timezone = Annotated[str, StringConstraints(min_length=1, max_length=64)]
ProjectRef = Annotated[
    Ref | None,
    Field(description="Id or name of the project; not needed while there is only one."),
]


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

    project: ProjectRef = None
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


class MarketCreate(Request):
    """A new market, in both spaces of a project."""

    project: ProjectRef = None
    key: Key
    currency: Currency
    name: Name | None = None


class MarketCreated(Response):
    """A market; each space has its own."""

    key: str
    name: str
    currency: str
    project_id: str
    live_id: str
    test_id: str


class Health(Response):
    """That the server answers, and its database too."""

    status: Literal["ok"] | str = "ok"
    version: str
