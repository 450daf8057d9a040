"""How seller says no."""

from tallybook.server.kernel.errors import InvalidInput, NotFound, TooLarge


class UnknownCountry(InvalidInput):
    """{country} is no country of ISO 3166-1: give two letters, such as DE or KW."""

    code = "unknown_country"


class LogoRefused(InvalidInput):
    """This logo is not taken: {reason}. Send a PNG or JPEG of at most 4000 x 4000 pixels and
    512 KiB, with its Content-Type."""

    code = "logo_refused"


class LogoTooLarge(TooLarge):
    """A logo may have {limit} bytes: send a smaller PNG or JPEG."""

    code = "logo_too_large"


class LogoNotFound(NotFound):
    """There is no logo."""

    code = "logo_not_found"
