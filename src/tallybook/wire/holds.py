"""Holds: units set aside for work that is under way."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StrictInt

from .base import CustomerChoice, Dec, Instant, NonNegative, Positive, Request, Response
from .events import ActionType, EventJson, EventRef
from .limits import HOLD_SECONDS_MAX

HoldStatus: TypeAlias = Literal["held", "settled", "released", "expired"]
Seconds = Annotated[StrictInt, Field(ge=1, le=HOLD_SECONDS_MAX)]


class HoldCreate(CustomerChoice):
    """The most that a piece of work may use of a metered feature."""

    feature: EventRef
    """A meter's key or id; the meter counts or sums."""
    quantity: Positive
    expires_in: Seconds = 900
    """Seconds, after which it no longer counts."""
    agent: EventRef | None = None
    """Whose work it is: an agent whose budget is spent is denied."""


class HoldSettle(Request):
    """What was used. The other fields are those of the event that records it."""

    quantity: NonNegative
    agent: EventRef | None = None
    action_type: ActionType | None = None
    attributes: EventJson | None = None
    metadata: EventJson | None = None


class Hold(Response):
    """Units that count as used until they are settled, released or expired."""

    id: str
    customer_id: str
    feature: str
    meter_id: str
    subscription_id: str
    quantity: Dec
    status: HoldStatus | str
    settled_quantity: Dec | None = None
    event_id: str | None = None
    """The usage that it was settled with."""
    expires_at: Instant
    created_at: Instant
    updated_at: Instant
