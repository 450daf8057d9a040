"""Paths below the API's root, and the two names that a customer has."""

from urllib.parse import quote


def path(*segments: str) -> str:
    """Join segments, each quoted, so that no id reaches another path.

    Errors: TypeError (an id that is no text), ValueError (an empty one).
    """
    return "/" + "/".join(_segment(segment) for segment in segments)


def _segment(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"an id must be a str, not {type(text).__name__}")
    if not text:
        raise ValueError("an id must not be empty")
    if text in (".", ".."):
        return text.replace(".", "%2E")  # else taken for a step up the path
    return quote(text, safe="")


def customer_fields(customer_id: str | None, customer_external_id: str | None) -> dict[str, str]:
    """Return the one name given, as a field of a body or a query. Errors: TypeError."""
    _exactly_one(customer_id, customer_external_id, "customer_id", "customer_external_id")
    if customer_id is not None:
        return {"customer_id": customer_id}
    assert customer_external_id is not None
    return {"customer_external_id": customer_external_id}


def customer_filter(customer_id: str | None, customer_external_id: str | None) -> dict[str, str]:
    """Return at most one name, for lists that need none. Errors: TypeError."""
    if customer_id is None and customer_external_id is None:
        return {}
    return customer_fields(customer_id, customer_external_id)


def customer_path(customer_id: str | None, customer_external_id: str | None, *rest: str) -> str:
    """Return the path of a customer, or of something below it. Errors: TypeError, ValueError."""
    _exactly_one(customer_id, customer_external_id, "customer_id", "customer_external_id")
    return _customer_path(customer_id, customer_external_id, *rest)


def customer_own_path(id: str | None, external_id: str | None) -> str:
    """Return the path of a customer, in the words of its own resource.

    Errors: TypeError, ValueError.
    """
    _exactly_one(id, external_id, "id", "external_id")
    return _customer_path(id, external_id)


def _customer_path(id: str | None, external_id: str | None, *rest: str) -> str:
    if id is not None:
        return path("customers", id, *rest)
    assert external_id is not None
    return path("customers", "external", external_id, *rest)


def _exactly_one(a: str | None, b: str | None, a_name: str, b_name: str) -> None:
    if (a is None) == (b is None):
        raise TypeError(f"give exactly one of {a_name} and {b_name}")
