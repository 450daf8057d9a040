"""Which URLs an endpoint may have, whatever their host resolves to."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

URL_CHARS_MAX: Final = 2_000
_URL: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>\[[0-9a-f:.]+\]|[^/?#:\[\]]*)"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?",
    re.IGNORECASE,
)
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
# Where other services listen: a POST must not be made to speak to them.
_FOREIGN_PORTS: Final = frozenset(
    {1433, 1719, 1720, 1723, 2049, 2375, 2376, 2379, 3306, 3389, 3659, 4045, 4190, 5060, 5061}
    | {5432, 5900, 5984, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 9042, 9092}
    | {9200, 9300, 10080, 10250, 11211, 27017}
)


class UrlRefused(ValueError):
    """The text is not a URL that webhooks are sent to."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads. `host` is in lower case, without brackets."""

    is_https: bool
    host: str
    port: int
    path: str  # with the query

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_https else 80) else f"{host}:{self.port}"

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The address, where the host is one and no name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None


def parse_url(url: str) -> Target:
    """Read an endpoint's URL: strictly, so that nobody reads it otherwise. Errors: UrlRefused."""
    if len(url) > URL_CHARS_MAX:
        raise UrlRefused(f"it has more than {URL_CHARS_MAX} characters")
    if not url.isascii() or any(char <= " " or char in '\x7f\\"<>^`{|}' for char in url):
        raise UrlRefused("it has characters that no URL has; write IDN hosts as xn--…")
    match = _URL.fullmatch(url)
    if match is None:
        raise UrlRefused("it is not of the form https://host/path, without a #fragment")
    scheme = match["scheme"].lower()
    if scheme not in _DEFAULT_PORTS:
        raise UrlRefused("it must begin with https://")
    if "@" in match["host"]:
        raise UrlRefused("it must hold no user name or password")
    port = int(match["port"] or _DEFAULT_PORTS[scheme])
    if not 0 < port < 65536:
        raise UrlRefused("its port is not from 1 to 65535")
    path = (match["path"] or "/") + (match["query"] or "")
    return Target(scheme == "https", _host(match["host"].lower()), port, path)


def _host(host: str) -> str:
    if host.startswith("["):
        try:
            return str(IPv6Address(host[1:-1]))
        except ValueError:
            raise UrlRefused("its address cannot be read") from None
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]) or (not labels[-1] and _NUMBER.fullmatch(labels[-2:][0])):
        try:
            return str(IPv4Address(host))  # strict: no octal, no hex, no missing parts
        except ValueError:
            raise UrlRefused("its address is not written as four decimal numbers") from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise UrlRefused("its host is not a name")
    return host


def is_public_port(port: int) -> bool:
    """Tell whether webhooks may go to a port of a public address."""
    return port == 443 or (port >= 1024 and port not in _FOREIGN_PORTS)
