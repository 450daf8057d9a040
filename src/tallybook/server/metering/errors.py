"""How metering refuses.

NotFound
└── MeterNotFound
Conflict
├── MeterKeyTaken
├── MeterInUse
└── MeterHasEvents
InvalidInput
└── MeterInvalid    fields that do not fit together
"""

from tallybook.server.kernel.errors import Conflict, InvalidInput, NotFound


class MeterNotFound(NotFound):
    """There is no meter {meter}."""

    code = "meter_not_found"


class MeterKeyTaken(Conflict):
    """Another meter has the key {key}."""

    code = "key_taken"


class MeterInUse(Conflict):
    """The meter is in use by {used_by}: take it out there first, or set its status to inactive."""

    code = "meter_in_use"


class MeterHasEvents(Conflict):
    """The meter has counted events: its kind, aggregation and key are fixed. Make another meter."""

    code = "meter_has_events"


class MeterInvalid(InvalidInput):
    """The meter's fields do not fit together; `errors` names each."""

    code = "meter_invalid"
