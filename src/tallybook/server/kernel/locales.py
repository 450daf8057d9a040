"""How money, numbers and days are written for people, in the way of their language and region."""

import re
from datetime import date
from decimal import Decimal, localcontext
from typing import Any, Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import NumberPattern, parse_pattern

from .errors import InvalidInput
from .money import EXACT, minor_units, quantize_money

PLACES_MAX: Final = 12  # of unit prices and quantities
DEFAULT_LOCALE: Final = "en"
_CODE_BESIDE_DIGIT: Final = re.compile(r"(?<=[A-Z]{3})(?=[0-9])|(?<=[0-9])(?=[A-Z]{3})")
_NO_COUNTRIES: Final = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})
_LATIN: Final = "latn"  # digits that every bank reads


class UnknownLocale(InvalidInput):
    """{locale} is not a language and region that we can write, such as `en`, `en-GB`, `ar-KW`."""

    code = "unknown_locale"


def parse_locale(text: str) -> Locale:
    """Errors: UnknownLocale."""
    try:
        return Locale.parse(text.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        raise UnknownLocale(locale=text) from None


def is_rtl(locale: Locale) -> bool:
    """Tell whether the language is written from right to left."""
    return locale.text_direction == "rtl"


def write_money(amount: Decimal, currency: str, locale: Locale) -> str:
    """Return an amount with its currency, in the currency's minor units.

    We round, half up; the library's own rounding is half even, and its places are not ISO's.
    """
    places = minor_units(currency)
    return _with_currency(quantize_money(amount, currency), currency, locale, (places, places))


def write_price(price: Decimal, currency: str, locale: Locale) -> str:
    """Return a price of one unit with its currency: all its places, none rounded away."""
    return _with_currency(price, currency, locale, (minor_units(currency), PLACES_MAX))


def write_number(number: Decimal, locale: Locale) -> str:
    """Return a number with all its places, none rounded away."""
    pattern = _with_places(locale.decimal_formats[None], (0, PLACES_MAX))
    return _apply(pattern, number, locale)


def write_percent(share: Decimal, locale: Locale) -> str:
    """Return a share as a percentage: 0.075 is 7.5 %."""
    pattern = _with_places(locale.percent_formats[None], (0, PLACES_MAX))
    return _apply(pattern, share, locale)


def is_country(code: str) -> bool:
    """Tell whether this is a country's code of ISO 3166-1, in two letters."""
    known = Locale(DEFAULT_LOCALE).territories
    return len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES and code in known


def write_country(code: str, locale: Locale) -> str:
    return str(locale.territories.get(code, code))


def write_day(day: date, locale: Locale) -> str:
    return format_date(day, "long", locale=locale)


def write_short_day(day: date, locale: Locale) -> str:
    return format_date(day, "medium", locale=locale)


def _with_currency(amount: Decimal, currency: str, locale: Locale, places: tuple[int, int]) -> str:
    pattern = _with_places(locale.currency_formats["standard"], places)
    written = _apply(pattern, amount, locale, currency=currency, currency_digits=False)
    return _CODE_BESIDE_DIGIT.sub("\u00a0", written)


def _apply(pattern: NumberPattern, number: Decimal, locale: Locale, **more: Any) -> str:
    """Write a number; the library counts in the context at hand, whose 28 digits are too few."""
    with localcontext(EXACT):
        return str(pattern.apply(number, locale, numbering_system=_LATIN, **more))


def _with_places(pattern: NumberPattern, places: tuple[int, int]) -> NumberPattern:
    own = parse_pattern(pattern.pattern)
    own.frac_prec = places
    return own
