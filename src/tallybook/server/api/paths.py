"""A customer in a path, by our id or by the caller's own."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from tallybook.server.customers import service as customers
from tallybook.server.customers.models import Customer
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx


@dataclass(frozen=True, slots=True)
class NamedCustomer:
    """Whom the path names: `/customers/{customer_id}/…` or
    `/customers/external/{customer_external_id:path}/…`."""

    customer_id: str | None
    customer_external_id: str | None

    def resolve(self, tx: Tx, space: SpaceId) -> Customer:
        """Errors: CustomerNotFound."""
        return customers.resolve(
            tx,
            space,
            customer_id=self.customer_id,
            customer_external_id=self.customer_external_id,
        )


def _named(request: Request) -> NamedCustomer:
    given = request.path_params
    return NamedCustomer(given.get("customer_id"), given.get("customer_external_id"))


PathCustomer = Annotated[NamedCustomer, Depends(_named)]
