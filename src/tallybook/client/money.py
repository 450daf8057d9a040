"""An amount of money with its currency, for whoever counts in cents elsewhere."""

from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any, Final, Self

from tallybook.wire.currencies import MINOR_UNITS
from tallybook.wire.decimals import to_decimal

from .encoding import DecimalInput

_EXACT: Final = Context(prec=60, traps=[Inexact, InvalidOperation])


class Money(Decimal):
    """An exact amount in major units, in its currency: a `Decimal`, and taken wherever one is.

    `Money.from_minor(9900, "USD")` is 99.00; of JPY, which has no smaller unit, it is 9900, and
    of KWD 9.900. What is worked out with it is a plain Decimal again.
    """

    __slots__ = ("_currency",)
    _currency: str

    def __new__(cls, amount: DecimalInput, currency: str) -> Self:
        """Errors: ValueError (no such currency, or more places than it has)."""
        value, places = to_decimal(amount), _places(currency)
        try:
            written = value.quantize(Decimal(1).scaleb(-places), context=_EXACT)
        except (Inexact, InvalidOperation):
            raise ValueError(f"{currency} has {places} decimal places, {value} more") from None
        made = super().__new__(cls, written)
        made._currency = currency
        return made

    @classmethod
    def from_minor(cls, minor: int, currency: str) -> Self:
        """Return an amount given in the currency's smallest unit, such as cents.

        Errors: ValueError (no such currency); TypeError (no int).
        """
        if isinstance(minor, bool) or not isinstance(minor, int):
            raise TypeError("an amount in the smallest unit is an int")
        return cls(Decimal(minor).scaleb(-_places(currency), _EXACT), currency)

    @property
    def currency(self) -> str:
        return self._currency

    @property
    def amount(self) -> Decimal:
        return Decimal(self)

    def to_minor(self) -> int:
        """Return the amount in the currency's smallest unit."""
        return int(self.scaleb(_places(self._currency), _EXACT))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Money) and other._currency != self._currency:
            return False
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = Decimal.__hash__

    def __repr__(self) -> str:
        return f"Money('{self}', '{self._currency}')"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self._currency)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: Any) -> Self:
        return self


def _places(currency: str) -> int:
    places = MINOR_UNITS.get(currency)
    if places is None:
        raise ValueError(f"{currency!r} is no currency of ISO 4217")
    return places
