"""The seller: what a business says of itself on its documents."""

from collections.abc import Sequence
from functools import cached_property, partial
from os import PathLike
from typing import Unpack

from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, WriteOptions
from tallybook.client.responses import parse_model, to_bytes
from tallybook.client.types.seller import Seller, image_file

from .resources import AsyncResource
from .verbs import raw


class AsyncSellerResource(AsyncResource):
    """`client.seller`: one for each space, so that a test key never changes live documents."""

    @cached_property
    def with_raw_response(self) -> "AsyncSellerRaw":
        return AsyncSellerRaw(self)

    async def get(self, **options: Unpack[CallOptions]) -> Seller:
        """Return who sells; empty while nothing is set."""
        return await self._get("/seller", Seller, options)

    async def update(
        self,
        *,
        legal_name: str | NotGiven | None = NOT_GIVEN,
        address_lines: Sequence[str] | NotGiven | None = NOT_GIVEN,
        city: str | NotGiven | None = NOT_GIVEN,
        postal_code: str | NotGiven | None = NOT_GIVEN,
        country: str | NotGiven | None = NOT_GIVEN,
        tax_id: str | NotGiven | None = NOT_GIVEN,
        email: str | NotGiven | None = NOT_GIVEN,
        payment_instructions: str | NotGiven | None = NOT_GIVEN,
        footer: str | NotGiven | None = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Seller:
        """Return the seller with the given fields changed; finalized documents keep theirs.

        `country` is of ISO 3166-1, two letters.
        Errors: UnprocessableEntityError `unknown_country`.
        """
        body = given(
            legal_name=legal_name,
            address_lines=address_lines,
            city=city,
            postal_code=postal_code,
            country=country,
            tax_id=tax_id,
            email=email,
            payment_instructions=payment_instructions,
            footer=footer,
        )
        return await self._write("PATCH", "/seller", Seller, options, body)

    async def upload_logo(
        self, image: bytes | str | PathLike[str], **options: Unpack[WriteOptions]
    ) -> Seller:
        """Put a logo on documents: a PNG or JPEG, as bytes, or the path of a file.

        At most 4000 x 4000 pixels and 512 KiB. Finalized documents keep the logo that they have.
        Errors: UnprocessableEntityError `logo_refused`; BadRequestError `logo_too_large`;
        OSError.
        """
        parse = partial(parse_model, model=Seller, client=self._client)
        return await self._call("PUT", "/seller/logo", parse, options, file=image_file(image))

    async def get_logo(self, **options: Unpack[CallOptions]) -> bytes:
        """Return the logo as it was uploaded. Errors: NotFoundError `logo_not_found`."""
        return await self._call("GET", "/seller/logo", to_bytes, options)

    async def delete_logo(self, **options: Unpack[WriteOptions]) -> None:
        """Show no logo from now on; finalized documents keep theirs."""
        await self._delete("/seller/logo", options)


class AsyncSellerRaw:
    """The verbs of `client.seller`, each answering an APIResponse."""

    def __init__(self, seller: AsyncSellerResource) -> None:
        self.get = raw(seller.get)
        self.update = raw(seller.update)
        self.upload_logo = raw(seller.upload_logo)
        self.get_logo = raw(seller.get_logo)
        self.delete_logo = raw(seller.delete_logo)
