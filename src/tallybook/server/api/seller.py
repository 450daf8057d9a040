"""The seller over HTTP."""

from fastapi import APIRouter, Response

from tallybook.server.seller import service as seller
from tallybook.server.seller import views
from tallybook.server.seller.errors import UnknownCountry
from tallybook.wire import seller as wire

from .bodies import StrictRoute
from .calls import Read, Write
from .problems import responses

router = APIRouter(prefix="/seller", tags=["seller"], route_class=StrictRoute)


@router.get("", response_model=wire.Seller, responses=responses(), operation_id="seller.get")
def get_seller(read: Read) -> Response:
    """Return who sells in this space, as documents say it."""
    return read(lambda tx: views.to_wire(seller.get(tx, read.space)))


@router.patch(
    "",
    response_model=wire.Seller,
    responses=responses(UnknownCountry),
    operation_id="seller.update",
)
def update_seller(body: wire.SellerUpdate, write: Write) -> Response:
    """Set the given fields; documents that are finalized keep what they have."""
    given = {name: getattr(body, name) for name in body.model_fields_set}
    return write(lambda tx: views.to_wire(seller.update(tx, write.space, given, at=write.now)))
