"""JSON events: one fast decoder, and checks item by item.

The public definition is `tallybook.wire.events.EventCreate`; a test feeds one corpus to both.
"""

import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

import msgspec

from tallybook.server.costs.rules.derive import read_direct
from tallybook.server.ingest.errors import MalformedJson, TooManyEvents
from tallybook.server.ingest.models import Incoming, Named, Refused
from tallybook.server.kernel.clock import to_micros
from tallybook.server.kernel.errors import FieldError, InvalidInput
from tallybook.server.kernel.ids import uuid7_hex
from tallybook.server.kernel.money import ZERO, plain
from tallybook.wire.base import parse_instant
from tallybook.wire.decimals import to_decimal
from tallybook.wire.events import check_name, keep_json
from tallybook.wire.limits import (
    BATCH_EVENTS_MAX,
    EVENT_BYTES_MAX,
    EXTERNAL_ID_CHARS_MAX,
    IDEMPOTENCY_KEY_CHARS_MAX,
    JSON_DEPTH_MAX,
)

ACTION_TYPES: Final = frozenset({"task", "workflow", "outcome"})
_SECOND: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")
_ONE: Final = (Decimal(1), "1")


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
    names = (
        item.customer_id,
        item.customer_external_id,
        item.meter,
        item.subscription_id,
        item.agent,
        item.action_type,
    )
    try:
        named = _names_of(*names)
    except TypeError:  # one is an array or an object
        named = _names_of.__wrapped__(*names)
    attributes = metadata = None
    if item.attributes is not None:
        attributes = _object(item.attributes, "attributes")
        _check_cost(item.attributes)
    quantity, digits = _quantity(item.quantity)
    at = _time(item.timestamp)
    key = _key(item.idempotency_key)
    if item.metadata is not None:
        metadata = _object(item.metadata, "metadata")
    return Incoming(named, quantity, at, key, item.attributes, attributes, metadata, digits)


@lru_cache(maxsize=8192)  # the same few come again and again
def _names_of(
    customer_id: Any, external_id: Any, meter: Any, subscription_id: Any, agent: Any, action: Any
) -> Named:
    _check_name(customer_id, "customer_id")
    _check_name(external_id, "customer_external_id")
    if (customer_id is None) == (external_id is None):
        detail = "give exactly one of customer_id and customer_external_id"
        raise _Wrong("customer_id", detail)
    _check_name(meter, "meter")
    _check_name(agent, "agent")
    if meter is None and agent is None:
        raise _Wrong("meter", "give a meter, or an agent", "missing")
    if action is not None and not (isinstance(action, str) and action in ACTION_TYPES):
        raise _Wrong("action_type", "must be task, workflow or outcome")
    _check_name(subscription_id, "subscription_id")
    return Named(customer_id, external_id, meter, subscription_id, agent, action)


def _check_name(value: Any, field: str) -> None:
    if value is None:
        return
    if value.__class__ is not str:
        raise _Wrong(field, "must be a string")
    if not value or len(value) > EXTERNAL_ID_CHARS_MAX:
        raise _Wrong(field, f"must have 1 to {EXTERNAL_ID_CHARS_MAX} characters")
    if "\x00" in value:
        raise _Wrong(field, "must not contain NUL")
    try:
        check_name(value)
    except ValueError as error:
        raise _Wrong(field, str(error)) from None


def _quantity(value: Any) -> tuple[Decimal, str]:
    """Return a quantity, and its digits as `plain` writes them."""
    if value.__class__ is str:
        return _known_quantity(value)
    return _ONE if value.__class__ is int and value == 1 else _read_quantity(value)


def _read_quantity(value: Any) -> tuple[Decimal, str]:
    try:
        quantity = to_decimal(value)
    except ValueError as error:
        raise _Wrong("quantity", str(error), "invalid_quantity") from None
    if quantity < 0:
        raise _Wrong("quantity", "must not be negative", "invalid_quantity")
    quantity = quantity or ZERO  # not the negative one
    return quantity, plain(quantity)


_known_quantity: Final = lru_cache(maxsize=8192)(_read_quantity)  # of a text: the same few again


def _time(value: Any) -> int | None:
    """Return microseconds since 1970."""
    if value is None:
        return None
    if value.__class__ is str and len(value) == 27 and value[19] == "." and value[26] == "Z":
        second, fraction = _second(value[:19]), value[20:26]  # as most clients write it
        if second is not None and fraction.isdigit() and fraction.isascii():
            return second + int(fraction)
    try:
        return to_micros(parse_instant(value))
    except (ValueError, OverflowError) as error:
        raise _Wrong("timestamp", str(error), "invalid_timestamp") from None


@lru_cache(maxsize=4096)
def _second(text: str) -> int | None:
    """Return the microseconds of a whole second; None where it is not one at first sight."""
    if not _SECOND.fullmatch(text):
        return None
    try:
        return to_micros(parse_instant(text + "Z"))
    except ValueError:
        return None


def _key(value: Any) -> str:
    if value is None:
        return uuid7_hex()
    if (
        value.__class__ is not str
        or not 0 < len(value) <= IDEMPOTENCY_KEY_CHARS_MAX
        or not value.isascii()
        or not value.isprintable()
        or value[0] == " "
        or value[-1] == " "
    ):
        detail = f"must be 1 to {IDEMPOTENCY_KEY_CHARS_MAX} printable ASCII characters"
        raise _Wrong("idempotency_key", detail)
    return str(value)


def _check_cost(attributes: dict[str, Any]) -> None:
    if not ("cost_usd" in attributes or "cost" in attributes):
        return
    try:
        read_direct(attributes)
    except ValueError as error:
        field, _, why = str(error).partition(": ")
        raise _Wrong(f"attributes/{field}", why, "invalid_cost") from None


def _object(value: Any, field: str) -> str:
    """Return the text under which the caller's own JSON is stored."""
    if value.__class__ is not dict:
        raise _Wrong(field, "must be an object")
    try:
        encoded = _encoder.encode(keep_json(value))
    except ValueError as error:
        raise _Wrong(field, str(error)) from None
    if len(encoded) > EVENT_BYTES_MAX:
        raise _Wrong(field, f"must not have more than {EVENT_BYTES_MAX} bytes", "too_large")
    return encoded.decode()
