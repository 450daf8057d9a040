"""How seller says no."""

from tallybook.server.kernel.errors import InvalidInput


class UnknownCountry(InvalidInput):
    """{country} is no country of ISO 3166-1: give two letters, such as DE or KW."""

    code = "unknown_country"
