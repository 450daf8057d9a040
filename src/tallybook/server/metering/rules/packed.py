"""Ids as the 16 bytes that event rows keep of them: there are many of those rows."""

from hashlib import blake2b
from typing import Protocol


class Named(Protocol):
    """Whom an event belongs to: a customer, or a name that is not one yet."""

    @property
    def customer_id(self) -> str | None: ...
    @property
    def customer_external_id(self) -> str | None: ...


def pack(some_id: str | None) -> bytes | None:
    """Return the 16 bytes of an id of ours."""
    return None if some_id is None else bytes.fromhex(some_id[-32:])


def unpack(prefix: str, packed: bytes | None) -> str | None:
    return None if packed is None else f"{prefix}_{bytes(packed).hex()}"


def pack_owner(owner: Named) -> bytes:
    if owner.customer_id is not None:
        return bytes.fromhex(owner.customer_id[-32:])
    assert owner.customer_external_id is not None
    return blake2b(owner.customer_external_id.encode(), digest_size=16).digest()
