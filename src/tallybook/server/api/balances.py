"""Balances over HTTP: the currencies in use, with what the wallets hold."""

from fastapi import APIRouter, Response

from tallybook.server.catalog import service as catalog
from tallybook.server.catalog.models import Balance
from tallybook.server.catalog.views import balance_to_wire
from tallybook.server.kernel.money import ZERO
from tallybook.server.storage import Tx
from tallybook.server.wallets import service as wallets
from tallybook.wire import balances as wire
from tallybook.wire.base import Page

from .calls import Read
from .listing import page_of
from .pages import Paging, page_request

router = APIRouter(prefix="/balances", tags=["balances"])
SORTS = ("created_at", "currency")


@router.get("", response_model=Page[wire.Balance], operation_id="balances.list")
def list_balances(read: Read, paging: Paging) -> Response:
    """List the currencies in use: by a market, a wallet or an invoice."""
    page = page_request(read, paging, SORTS)

    def work(tx: Tx) -> Page[wire.Balance]:
        totals = wallets.totals(tx, read.space, at=read.now)

        def view(balance: Balance) -> wire.Balance:
            count, total = totals.get(balance.currency, (0, ZERO))
            return balance_to_wire(balance, wallet_count=count, wallet_total=total)

        return page_of(read, page, catalog.list_balances(tx, read.space, page), view)

    return read(work)
