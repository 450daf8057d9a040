"""Which addresses webhooks may be sent to: public ones, and networks that the operator allows."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# `ipaddress.is_global` is not enough: it lets multicast, 6to4, NAT64 and more pass.
_NOT_PUBLIC_V4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
_PUBLIC_V6: Final = IPv6Network("2000::/3")  # all that is given out for the internet
_NOT_PUBLIC_V6: Final = tuple(
    IPv6Network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Read networks in CIDR form, separated by commas or spaces. Errors: ValueError."""
    return tuple(ip_network(part) for part in text.replace(",", " ").split())


def is_public(address: Address) -> bool:
    """Tell whether an address belongs to the internet, and to nothing special on it."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    if address.scope_id is not None or address not in _PUBLIC_V6:
        return False
    return not any(address in network for network in _NOT_PUBLIC_V6)


def is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def refusal(texts: Sequence[str], *, is_https: bool, allowed: Sequence[Network]) -> str | None:
    """Return why a host with these addresses is refused, or None. Every one must be allowed."""
    for text in texts:
        try:
            address = ip_address(text)
        except ValueError:
            return "its address cannot be read"
        if is_in(address, allowed):
            continue
        if not is_public(address):
            return "it leads to an address that is not public"
        if not is_https:
            return "it must begin with https://"
    return None
