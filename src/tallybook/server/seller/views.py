"""Seller → wire."""

from dataclasses import asdict

from tallybook.wire import seller as wire

from .models import Seller


def to_wire(seller: Seller) -> wire.Seller:
    return wire.Seller(**{**asdict(seller), "address_lines": list(seller.address_lines)})
