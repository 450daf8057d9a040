"""A currency is enabled by its first use."""

from datetime import datetime

from tallybook.server.catalog import service as catalog
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx


def ensure_currency(tx: Tx, space: SpaceId, currency: str, *, at: datetime) -> None:
    catalog.ensure_balance(tx, space, currency, at=at)
