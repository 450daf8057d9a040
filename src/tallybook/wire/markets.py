"""Markets: where prices hold, each in one currency."""

from .base import Currency, Instant, Key, Name, Ref, Request, Response


class MarketCreate(Request):
    """A new market, in both spaces of a project."""

    project_id: Ref
    key: Key
    name: Name
    currency: Currency
    is_default: bool = False


class Market(Response):
    """Where prices hold."""

    id: str
    key: str
    name: str
    currency: str
    is_default: bool
    created_at: Instant
    updated_at: Instant
