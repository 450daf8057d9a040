"""What a period has used, as it is about to be billed."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tallybook.server.catalog.models import ChargeTerms, MeterTerms
from tallybook.server.rating.models import WindowUsage


@dataclass(frozen=True, slots=True)
class MeterUsage:
    """The usage of one priced meter in one period."""

    terms: MeterTerms
    windows: tuple[WindowUsage, ...]  # by quota window; one where the price has one a period
    quantity: Decimal
    counter_version: int  # of the period's counter; 0: nothing was counted


@dataclass(frozen=True, slots=True)
class ChargeUsage:
    """What a usage_based or seat_based charge goes by in one period."""

    charge: ChargeTerms
    quantity: Decimal
    counter_version: int


@dataclass(frozen=True, slots=True)
class PeriodUsage:
    """Everything that is owed in arrears for one period."""

    number: int
    start: datetime
    end: datetime
    meters: tuple[MeterUsage, ...]
    charges: tuple[ChargeUsage, ...]
