"""Who sells in a space."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.locales import is_country
from tallybook.server.storage import Tx

from . import store
from .errors import LogoNotFound, LogoRefused, UnknownCountry
from .models import LogoImage, Seller
from .rules.decoding import decodes
from .rules.images import read_image

_NOBODY: Final = Seller()


def get(tx: Tx, space: SpaceId) -> Seller:
    """Return the seller; an empty one while nothing is set."""
    return tx.kept(("seller", space), lambda: store.find(tx, space)) or _NOBODY


def update(tx: Tx, space: SpaceId, fields: Mapping[str, Any], *, at: datetime) -> Seller:
    """Set the given fields, and leave the others. Errors: UnknownCountry."""
    changed = replace(get(tx, space), **fields, updated_at=at)
    changed = replace(changed, address_lines=tuple(changed.address_lines or ()))
    if changed.country is not None and not is_country(changed.country):
        raise UnknownCountry(country=changed.country)
    store.save(tx, space, changed)
    tx.forget(("seller", space))
    return changed


def read_logo(content: bytes, content_type: str) -> LogoImage:
    """Return an upload as a logo, really decoded; it takes a while, so before any transaction.

    Errors: LogoRefused.
    """
    logo = read_image(content, content_type)
    if not decodes(content):
        raise LogoRefused(reason="its pixels are damaged")
    return LogoImage(logo, content)


def set_logo(tx: Tx, space: SpaceId, image: LogoImage, *, at: datetime) -> Seller:
    """Show a logo on what is sent from now on."""
    store.keep_logo(tx, space, image, at=at)
    return update(tx, space, {"logo": image.logo}, at=at)


def delete_logo(tx: Tx, space: SpaceId, *, at: datetime) -> None:
    """Show no logo from now on; what is finalized keeps its own."""
    if get(tx, space).logo is not None:
        update(tx, space, {"logo": None}, at=at)


def get_logo(tx: Tx, space: SpaceId) -> LogoImage:
    """Return the logo that the seller has now. Errors: LogoNotFound."""
    logo = get(tx, space).logo
    found = None if logo is None else store.find_logo(tx, space, logo.sha256)
    if found is None:
        raise LogoNotFound()
    return found


def find_logo(tx: Tx, space: SpaceId, sha256: str | None) -> LogoImage | None:
    """Return a logo that a document names, old or new."""
    return None if sha256 is None else store.find_logo(tx, space, sha256)
