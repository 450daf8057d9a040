"""Markets over HTTP; they are made by operators."""

from fastapi import APIRouter, Response

from tallybook.server.catalog import service as catalog
from tallybook.server.catalog.errors import KeyTaken
from tallybook.server.catalog.views import market_to_wire
from tallybook.server.identity import service as identity
from tallybook.server.identity.errors import ProjectNotFound
from tallybook.server.identity.models import Mode
from tallybook.server.kernel import clock
from tallybook.server.storage import Tx
from tallybook.wire import markets as wire
from tallybook.wire.base import Page

from .bodies import StrictRoute
from .calls import Operator, Read, json_response
from .listing import page_of
from .pages import Paging, page_request
from .problems import responses

router = APIRouter(prefix="/markets", tags=["markets"], route_class=StrictRoute)
SORTS = ("created_at", "name", "key")


@router.get("", response_model=Page[wire.Market], operation_id="markets.list")
def list_markets(read: Read, paging: Paging) -> Response:
    """List markets: where prices hold, each in one currency."""
    page = page_request(read, paging, SORTS)
    return read(
        lambda tx: page_of(read, page, catalog.list_markets(tx, read.space, page), market_to_wire)
    )


@router.post(
    "",
    response_model=wire.Market,
    status_code=201,
    responses=responses(ProjectNotFound, KeyTaken),
    operation_id="markets.create",
)
def create_market(body: wire.MarketCreate, operator: Operator) -> Response:
    """Create a market in both spaces of a project; answer the live one. Not for API keys."""

    def work(tx: Tx) -> wire.Market:
        made = {}
        for mode in Mode:
            space = identity.find_space(tx, body.project_id, mode)
            made[mode] = catalog.create_market(
                tx,
                space.id,
                key=body.key,
                name=body.name,
                currency=body.currency,
                is_default=body.is_default,
                at=space.now(clock.now()),
            )
        return market_to_wire(made[Mode.LIVE])

    answer = operator.db.write_now(work)
    return json_response(answer.model_dump_json().encode(), 201)
