"""CloudEvents 1.0, as far as usage goes."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class CloudEvent(BaseModel):
    """A CloudEvent in structured form. Further extension attributes are kept as metadata."""

    model_config = ConfigDict(extra="allow")

    specversion: str
    id: str
    source: str
    type: str
    """The meter's key or id."""
    subject: str
    """The customer's external id."""
    time: str | None = None
    data: dict[str, Any] | None = None
    """The attributes; `quantity` is 1 where it is not given."""
    agent: str | None = None
    actiontype: str | None = None
    subscriptionid: str | None = None
