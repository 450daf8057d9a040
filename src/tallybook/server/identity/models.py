"""Facts about who calls us."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.periods import local_midnight


class Mode(StrEnum):
    LIVE = "live"
    TEST = "test"


class Scope(StrEnum):
    FULL = "full"
    INGEST = "ingest"
    READ = "read"


class ProrationBasis(StrEnum):
    """How the time is counted that a part of a billing cycle costs."""

    SECOND = "second"
    DAY = "day"  # local days; the day of a change belongs to what is new


class TaxRounding(StrEnum):
    """Where tax is rounded."""

    INVOICE = "invoice"  # once a tax, on the sum of the lines
    LINE = "line"  # on each line


@dataclass(frozen=True, slots=True)
class ProjectTax:
    """A tax that generated invoices bear; `rate` is a fraction."""

    name: str
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Settings:
    """The switches of a project; both its spaces go by them."""

    grace_days: int = 0  # that a past due subscription still gives access
    limit_approaching: Decimal = Decimal("0.8")  # of a limit, where `usage.limit_approaching` comes

    wallet_gate: bool = False  # a check whose price exceeds the wallets is denied
    enforce_at_ingest: bool = False  # an event past a limit that denies overage is refused
    dunning_days: tuple[int, ...] = (1, 3, 5, 7)  # after an invoice fell due: one more try each
    proration_basis: ProrationBasis = ProrationBasis.SECOND
    tax_rounding: TaxRounding = TaxRounding.INVOICE
    taxes: tuple[ProjectTax, ...] = ()  # of customers that have none of their own

    @property
    def grace(self) -> timedelta:
        return timedelta(days=self.grace_days)


@dataclass(frozen=True, slots=True)
class Project:
    id: str
    name: str
    timezone: str
    default_currency: str
    created_at: datetime
    settings: Settings = Settings()


@dataclass(frozen=True, slots=True)
class Space:
    """One half of a project. `clock_at` is None while the space follows real time."""

    id: SpaceId
    project_id: str
    mode: Mode
    clock_at: datetime | None
    timezone: str
    default_currency: str
    settings: Settings = Settings()
    watches_revenue: bool = False  # whether a budget of revenue is set
    has_hard_stops: bool = False  # whether a budget with a hard stop is

    def now(self, real_now: datetime) -> datetime:
        return real_now if self.clock_at is None else self.clock_at

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def day_zone(self) -> str | None:
        """The zone whose days are counted when a cycle is prorated, None for seconds."""
        return self.timezone if self.settings.proration_basis is ProrationBasis.DAY else None

    def midnight(self, day: date) -> datetime:
        """Return the instant at which a local day of this project begins, in UTC."""
        return local_midnight(day, self.zone)


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: str
    space: SpaceId
    mode: Mode
    scope: Scope
    name: str | None
    hint: str  # the last four characters
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a request comes from, and where it may look."""

    key_id: str
    scope: Scope
    space: Space
