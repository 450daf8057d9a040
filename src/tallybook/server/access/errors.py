"""How access refuses. That access is denied is an answer, not an error, except to a hold.

NotFound
└── HoldNotFound
Conflict
├── HoldOver         settled, released or expired
└── AccessDenied     nothing can be held
InvalidInput
└── FeatureNotMetered
"""

from tallybook.server.kernel.errors import Conflict, InvalidInput, NotFound


class HoldNotFound(NotFound):
    """There is no such hold."""

    code = "hold_not_found"


class HoldOver(Conflict):
    """The hold is {current_state}. Usage it did not cover can be recorded as an event."""

    code = "hold_over"


class AccessDenied(Conflict):
    """The customer may not use {feature}: {reason}."""

    code = "access_denied"


class FeatureNotMetered(InvalidInput):
    """No count or sum meter measures {feature}, so there is nothing to {purpose}."""

    code = "feature_not_metered"
    field = "/feature"
