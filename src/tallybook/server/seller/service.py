"""Who sells in a space."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.locales import is_country
from tallybook.server.storage import Tx

from . import store
from .errors import UnknownCountry
from .models import Seller

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
