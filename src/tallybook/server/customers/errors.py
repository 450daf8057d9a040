"""How customers says no."""

from tallybook.server.kernel.errors import Conflict, NotFound


class CustomerNotFound(NotFound):
    """There is no such customer."""

    code = "customer_not_found"


class ExternalIdTaken(Conflict):
    """Another customer has the external id {external_id}."""

    code = "external_id_taken"


class CustomerInUse(Conflict):
    """The customer has {reason}; end that first."""

    code = "customer_in_use"
