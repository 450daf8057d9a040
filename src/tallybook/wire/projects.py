"""Projects and API keys, as the operator of a server makes them."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictInt, StringConstraints

from .base import Currency, Dec, Instant, Name, Ref, Request, Response
from .customers import CustomerTax, CustomerTaxInput

Space = Literal["live", "test"]
KeyScope = Literal["full", "ingest", "read"]
Timezone = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class ProjectCreate(Request):
    """A new project, with a live and a test space."""

    name: Name
    currency: Currency = "USD"
    timezone: Timezone = "UTC"


def _absent() -> Any:
    return None


def _leave() -> Any:
    """Return the default of a field that may be absent, and may not be null."""
    return Field(default_factory=_absent)


def _share(value: Decimal) -> Decimal:
    if not 0 < value < 1:
        raise ValueError("must be between 0 and 1")
    return value


def _rising(days: list[int]) -> list[int]:
    if days != sorted(set(days)):
        raise ValueError("must rise: each day once, the earlier first")
    return days


ProrationBasis = Literal["second", "day"]
TaxRounding = Literal["invoice", "line"]
DunningDay = Annotated[StrictInt, Field(ge=1, le=365)]
DunningDays = Annotated[list[DunningDay], Field(max_length=20), AfterValidator(_rising)]


class ProjectSettingsUpdate(Request):
    """The switches to change."""

    grace_days: Annotated[StrictInt, Field(ge=0, le=365)] = _leave()
    limit_approaching: Annotated[Dec, AfterValidator(_share)] = _leave()
    dunning_days: DunningDays = _leave()
    wallet_gate: StrictBool = _leave()
    enforce_at_ingest: StrictBool = _leave()
    proration_basis: ProrationBasis = _leave()
    tax_rounding: TaxRounding = _leave()
    taxes: Annotated[list[CustomerTaxInput], Field(max_length=20)] = _leave()


class ProjectSettings(Response):
    """The switches of a project, for both its spaces."""

    grace_days: int
    """How many days a past due subscription still gives access."""
    limit_approaching: Dec
    """The share of a limit at which `usage.limit_approaching` comes."""
    dunning_days: list[int]
    """How many days after an invoice fell due it is tried again; after the last it is given up."""
    wallet_gate: bool
    """Whether a check is denied whose price, with the usage not yet invoiced, the wallets lack."""
    enforce_at_ingest: bool
    """Whether events that would go past a limit that denies overage are refused."""
    proration_basis: ProrationBasis | str
    """Whether a part of a cycle is counted in seconds, or in local days."""
    tax_rounding: TaxRounding | str
    """Whether tax is rounded once on the whole invoice, or on each line of it."""
    taxes: list[CustomerTax] = Field(default_factory=list)
    """What generated invoices bear of customers whose own `taxes` are null."""


class Project(Response):
    """A business that bills."""

    id: str
    name: str
    currency: str
    timezone: str
    settings: ProjectSettings | None = None
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
