"""All of seller's SQL."""

from dataclasses import asdict
from typing import Final

from sqlalchemy import select

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.storage.prepared import SPACE, Prepared

from .models import Seller
from .tables import sellers

_FIND: Final = Prepared(lambda _: select(sellers).where(sellers.c.space_id == SPACE))


def find(tx: Tx, space: SpaceId) -> Seller | None:
    row = tx.row(_FIND, space=space)
    if row is None:
        return None
    fields = {name: value for name, value in row.items() if name != "space_id"}
    return Seller(**{**fields, "address_lines": tuple(row["address_lines"])})


def save(tx: Tx, space: SpaceId, seller: Seller) -> None:
    row = {**asdict(seller), "address_lines": list(seller.address_lines)}
    made = tx.insert(sellers).values(space_id=space, **row)
    tx.execute(made.on_conflict_do_update(index_elements=[sellers.c.space_id], set_=row))
