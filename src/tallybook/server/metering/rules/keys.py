"""Stable keys: what our users call a meter, a plan, a market."""

from tallybook.server.kernel.errors import FieldError, InvalidInput


def check_key(key: str, *, id_prefix: str, pointer: str = "/key") -> None:
    """Raise InvalidInput for a key that could be taken for an id of its own kind."""
    if is_id(key, id_prefix=id_prefix):
        detail = f"must not begin with {id_prefix}_, as ids do"
        raise InvalidInput(errors=[FieldError(pointer, "invalid", detail)])


def is_id(ref: str, *, id_prefix: str) -> bool:
    """Tell whether a reference is an id; otherwise it is a key."""
    return ref.startswith(f"{id_prefix}_")
