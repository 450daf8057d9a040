"""The seller over HTTP."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from tallybook.server.seller import service as seller
from tallybook.server.seller import views
from tallybook.server.seller.errors import (
    LogoNotFound,
    LogoRefused,
    LogoTooLarge,
    UnknownCountry,
)
from tallybook.wire import seller as wire
from tallybook.wire.limits import LOGO_BYTES_MAX

from .bodies import StrictRoute, read_body
from .calls import Read, Write, bearer, writer
from .errors import BodyTooLarge
from .express import RawRoute, handled_by
from .problems import responses

_IMAGE: Final = {"schema": {"type": "string", "format": "binary"}}
_IMAGES: Final = {"content": {"image/png": _IMAGE, "image/jpeg": _IMAGE}}
_UPLOAD: Final[dict[str, Any]] = {"requestBody": {"required": True, **_IMAGES}}

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


async def _take_logo(request: Request) -> Response:
    bearer(request)  # before anything large is read
    try:
        body = await read_body(request, limit=LOGO_BYTES_MAX)
    except BodyTooLarge:
        raise LogoTooLarge(limit=LOGO_BYTES_MAX) from None

    def work() -> Response:
        write = writer(request)
        image = seller.read_logo(body, request.headers.get("content-type", ""))
        return write(
            lambda tx: views.to_wire(seller.set_logo(tx, write.space, image, at=write.now))
        )

    return await run_in_threadpool(work)


logo_router = APIRouter(prefix="/seller", tags=["seller"], route_class=RawRoute)


@logo_router.put(
    "/logo",
    response_model=wire.Seller,
    responses=responses(LogoRefused, LogoTooLarge),
    openapi_extra=_UPLOAD,
    operation_id="seller.upload_logo",
)
@handled_by(_take_logo)
def upload_logo() -> None:
    """Put a logo on documents: a PNG or JPEG of at most 4000 x 4000 pixels and 512 KiB.

    The body is the image itself. Documents that are finalized keep the logo that they have.
    """


@router.get(
    "/logo",
    response_class=Response,
    responses={**responses(LogoNotFound), 200: _IMAGES},
    operation_id="seller.get_logo",
)
def get_logo(read: Read) -> Response:
    """Return the logo, the bytes that were uploaded."""
    image = read.db.read(lambda tx: seller.get_logo(tx, read.space))
    ending = image.logo.content_type.removeprefix("image/")
    headers = {
        "Content-Disposition": f'attachment; filename="logo.{ending}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return Response(image.content, headers=headers, media_type=image.logo.content_type)


@router.delete("/logo", status_code=204, responses=responses(), operation_id="seller.delete_logo")
def delete_logo(write: Write) -> Response:
    """Show no logo on what is sent from now on; where there is none, nothing is done."""
    return write(lambda tx: seller.delete_logo(tx, write.space, at=write.now))
