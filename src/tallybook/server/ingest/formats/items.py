"""JSON events: one fast decoder, and checks item by item.

The public definition is `tallybook.wire.events.EventCreate`; a test feeds one corpus to both.
"""

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

import msgspec

from tallybook.server.costs.rules.derive import read_direct
from tallybook.server.ingest.errors import MalformedJson, TooManyEvents
from tallybook.server.ingest.models import Incoming, Refused
from tallybook.server.kernel.errors import FieldError, InvalidInput
from tallybook.server.kernel.ids import uuid7_hex
from tallybook.server.kernel.money import ZERO
from tallybook.wire.base import parse_instant
from tallybook.wire.decimals import to_decimal
from tallybook.wire.events import check_name, keep_json
from tallybook.wire.limits import (
    BATCH_EVENTS_MAX,
    EVENT_BYTES_MAX,
    EXTERNAL_ID_CHARS_MAX,
    IDEMPOTENCY_KEY_CHARS_MAX,
    JSON_DEPTH_MAX,
    YEAR_MAX,
    YEAR_MIN,
)

ACTION_TYPES: Final = frozenset({"task", "workflow", "outcome"})
_FAST_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z"
)
_PLAIN_NUMBER: Final = re.compile(r"[0-9]{1,18}(\.[0-9]{1,12})?")
_KEY: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_ONE: Final = Decimal(1)


class Item(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An event of a request body; the fields are checked afterwards, each on its own."""

    customer_id: Any = None
    customer_external_id: Any = None
    meter: Any = None
    quantity: Any = 1
    timestamp: Any = None
    idempotency_key: Any = None
    subscription_id: Any = None
    agent: Any = None
    action_type: Any = None
    attributes: Any = None
    metadata: Any = None


class Batch(msgspec.Struct, forbid_unknown_fields=True):
    events: list[Item]
    backfill: bool = False


_item_decoder = msgspec.json.Decoder(Item, float_hook=Decimal)
_batch_decoder = msgspec.json.Decoder(Batch, float_hook=Decimal)
_encoder = msgspec.json.Encoder()


def decode_item(body: bytes) -> Item:
    """Errors: MalformedJson; InvalidInput (an unknown field, not an object)."""
    item: Item = decode_body(_item_decoder, body)
    return item


def decode_batch(body: bytes) -> Batch:
    """Errors: MalformedJson; InvalidInput; TooManyEvents. The whole body is refused."""
    batch: Batch = decode_body(_batch_decoder, body)
    if len(batch.events) > BATCH_EVENTS_MAX:
        errors = [FieldError("/events", "too_many_events", f"at most {BATCH_EVENTS_MAX}")]
        raise TooManyEvents(errors=errors, limit=BATCH_EVENTS_MAX, count=len(batch.events))
    return batch


def decode_body(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    """Errors: MalformedJson; InvalidInput (not what the decoder expects)."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidInput(errors=[_named(str(error))]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedJson(reason=str(error)) from None
    except InvalidOperation:  # an exponent that no decimal holds
        raise MalformedJson(reason="a number is out of range") from None
    except RecursionError:
        raise MalformedJson(reason=f"it is nested deeper than {JSON_DEPTH_MAX}") from None


def _named(message: str) -> FieldError:
    """Return what the decoder says, with the pointer of the field it speaks of."""
    text, _, path = message.partition(" - at `$")
    pointer = re.sub(r"\[(\d+)\]", r"/\1", path.rstrip("`")).replace(".", "/")
    unknown = re.search(r"unknown field `(.*)`", text, re.DOTALL)
    missing = re.search(r"missing required field `(.*)`", text)
    if name := unknown or missing:
        escaped = name.group(1).replace("~", "~0").replace("/", "~1")
        pointer += f"/{escaped}"
    code = "unknown_field" if unknown else "missing" if missing else "invalid"
    return FieldError(pointer[:300], code, text[:300])


class _Wrong(Exception):
    def __init__(self, field: str, detail: str, code: str = "invalid") -> None:
        self.refused = (field, detail, code)
        super().__init__(detail)


def check_item(item: Item) -> Incoming | Refused:
    """Return the event with each field in its type, or the first thing that is wrong with it."""
    try:
        return _checked(item)
    except _Wrong as wrong:
        field, detail, code = wrong.refused
        given = item.idempotency_key
        key = given if isinstance(given, str) and len(given) <= 255 else None
        return Refused(code, f"{field}: {detail}", f"/{field}", key)


def _checked(item: Item) -> Incoming:
    customer_id = _name(item.customer_id, "customer_id")
    external_id = _name(item.customer_external_id, "customer_external_id")
    if (customer_id is None) == (external_id is None):
        detail = "give exactly one of customer_id and customer_external_id"
        raise _Wrong("customer_id", detail)
    meter, agent = _name(item.meter, "meter"), _name(item.agent, "agent")
    if meter is None and agent is None:
        raise _Wrong("meter", "give a meter, or an agent", "missing")
    action_type = item.action_type
    if action_type is not None and not (
        isinstance(action_type, str) and action_type in ACTION_TYPES
    ):
        raise _Wrong("action_type", "must be task, workflow or outcome")
    attributes = _object(item.attributes, "attributes")
    _check_cost(item.attributes)
    return Incoming(
        customer_id=customer_id,
        customer_external_id=external_id,
        meter_ref=meter,
        quantity=_quantity(item.quantity),
        at=_time(item.timestamp),
        idempotency_key=_key(item.idempotency_key),
        subscription_id=_name(item.subscription_id, "subscription_id"),
        agent_ref=agent,
        action_type=action_type,
        attributes=item.attributes,
        attributes_text=attributes,
        metadata_text=_object(item.metadata, "metadata"),
    )


def _name(value: Any, field: str) -> str | None:
    if value is None:
        return None
    if value.__class__ is not str:
        raise _Wrong(field, "must be a string")
    return _checked_name(value, field)


@lru_cache(maxsize=4096)  # the same few names come again and again
def _checked_name(value: str, field: str) -> str:
    if not value or len(value) > EXTERNAL_ID_CHARS_MAX:
        raise _Wrong(field, f"must have 1 to {EXTERNAL_ID_CHARS_MAX} characters")
    if "\x00" in value:
        raise _Wrong(field, "must not contain NUL")
    try:
        return check_name(value)
    except ValueError as error:
        raise _Wrong(field, str(error)) from None


def _quantity(value: Any) -> Decimal:
    if value.__class__ is str and _PLAIN_NUMBER.fullmatch(value):
        return Decimal(value)
    if value.__class__ is int and value == 1:
        return _ONE
    try:
        quantity = to_decimal(value)
    except ValueError as error:
        raise _Wrong("quantity", str(error), "invalid_quantity") from None
    if quantity < 0:
        raise _Wrong("quantity", "must not be negative", "invalid_quantity")
    return quantity or ZERO  # not the negative one


def _time(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        if value.__class__ is str and _FAST_TIME.fullmatch(value):
            at = datetime.fromisoformat(value[:-1] + "+00:00")
            if YEAR_MIN < at.year <= YEAR_MAX:
                return at
        return parse_instant(value)
    except (ValueError, OverflowError) as error:
        raise _Wrong("timestamp", str(error), "invalid_timestamp") from None


def _key(value: Any) -> str:
    if value is None:
        return uuid7_hex()
    if (
        not isinstance(value, str)
        or len(value) > IDEMPOTENCY_KEY_CHARS_MAX
        or not _KEY.fullmatch(value)
    ):
        detail = f"must be 1 to {IDEMPOTENCY_KEY_CHARS_MAX} printable ASCII characters"
        raise _Wrong("idempotency_key", detail)
    return value


def _check_cost(attributes: dict[str, Any] | None) -> None:
    if attributes is None or not ("cost_usd" in attributes or "cost" in attributes):
        return
    try:
        read_direct(attributes)
    except ValueError as error:
        field, _, why = str(error).partition(": ")
        raise _Wrong(f"attributes/{field}", why, "invalid_cost") from None


def _object(value: Any, field: str) -> str | None:
    """Return the text under which the caller's own JSON is stored."""
    if value is None:
        return None
    if value.__class__ is not dict:
        raise _Wrong(field, "must be an object")
    try:
        encoded = _encoder.encode(keep_json(value))
    except ValueError as error:
        raise _Wrong(field, str(error)) from None
    if len(encoded) > EVENT_BYTES_MAX:
        raise _Wrong(field, f"must not have more than {EVENT_BYTES_MAX} bytes", "too_large")
    return encoded.decode()
