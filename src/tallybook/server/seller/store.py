"""All of seller's SQL."""

from dataclasses import asdict
from datetime import datetime
from typing import Final

from sqlalchemy import select

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.storage.prepared import SPACE, Prepared

from .models import Logo, LogoImage, Seller
from .tables import logos, sellers

_FIND: Final = Prepared(lambda _: select(sellers).where(sellers.c.space_id == SPACE))


def find(tx: Tx, space: SpaceId) -> Seller | None:
    row = tx.row(_FIND, space=space)
    if row is None:
        return None
    fields = {name: value for name, value in row.items() if name != "space_id"}
    logo = None if row["logo"] is None else Logo(**row["logo"])
    return Seller(**{**fields, "address_lines": tuple(row["address_lines"]), "logo": logo})


def save(tx: Tx, space: SpaceId, seller: Seller) -> None:
    row = {**asdict(seller), "address_lines": list(seller.address_lines)}
    made = tx.insert(sellers).values(space_id=space, **row)
    tx.execute(made.on_conflict_do_update(index_elements=[sellers.c.space_id], set_=row))


def keep_logo(tx: Tx, space: SpaceId, image: LogoImage, *, at: datetime) -> None:
    """Store an image, once for each content."""
    row = {
        "space_id": space,
        "sha256": image.logo.sha256,
        "content_type": image.logo.content_type,
        "width": image.logo.width,
        "height": image.logo.height,
        "content": image.content,
        "created_at": at,
    }
    tx.execute(tx.insert(logos).values(row).on_conflict_do_nothing())


def find_logo(tx: Tx, space: SpaceId, sha256: str) -> LogoImage | None:
    t = logos.c
    query = select(logos).where(t.space_id == space, t.sha256 == sha256)
    row = tx.execute(query).mappings().one_or_none()
    if row is None:
        return None
    content = bytes(row["content"])
    return LogoImage(Logo.of(content, row["content_type"], row["width"], row["height"]), content)
