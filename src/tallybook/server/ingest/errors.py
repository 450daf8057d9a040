"""How ingest says no, where it does not answer item by item."""

from tallybook.server.kernel.errors import Forbidden, InvalidInput, Malformed, NotFound, TooLarge


class EventNotFound(NotFound):
    """There is no such event."""

    code = "event_not_found"


class TooManyEvents(InvalidInput):
    """A batch may have {limit} events; this one has {count}. Send several."""

    code = "too_many_events"


class BackfillNeedsFullKey(Forbidden):
    """Only a key of the scope full may backfill."""

    code = "scope_missing"


class TimestampOutOfRange(InvalidInput):
    """The timestamp is too old or in the future: {detail}."""

    code = "timestamp_out_of_range"


class ValueMissing(InvalidInput):
    """The event lacks the number that its meter aggregates: {detail}."""

    code = "value_missing"


class LimitReached(InvalidInput):
    """The usage would go past the customer's limit: {detail}"""

    code = "limit_reached"


class NoMeter(InvalidInput):
    """The event names no meter, and its agent's actions do not give exactly one."""

    code = "meter_ambiguous"


class NotACloudEvent(Malformed):
    """The request is not a CloudEvent: {reason}."""

    code = "not_a_cloudevent"


class MalformedTraces(Malformed):
    """The body is not OTLP traces: {reason}."""

    code = "malformed_traces"


class TracesTooLarge(TooLarge):
    """The traces are larger than {limit}. Send them in smaller parts."""

    code = "body_too_large"


class MalformedJson(Malformed):
    """The body is not valid JSON: {reason}."""

    code = "malformed_json"
