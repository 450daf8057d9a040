"""CloudEvents 1.0 as usage: the subject used something of a type.

Source: CloudEvents 1.0.2, its JSON format and its HTTP binding. Own code: the library that there
is makes an id where one is missing, and so breaks deduplication.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from tallybook.server.ingest.errors import NotACloudEvent, TooManyEvents
from tallybook.server.ingest.models import Incoming, Refused
from tallybook.server.kernel.errors import FieldError
from tallybook.wire.limits import BATCH_EVENTS_MAX

from .items import Item, check_item, decode_body

BATCH: Final = "application/cloudevents-batch"
STRUCTURED: Final = "application/cloudevents"
_HEADER: Final = "ce-"
_OWN: Final = frozenset(
    {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"}
)
_OURS: Final = {"agent": "agent", "actiontype": "action_type", "subscriptionid": "subscription_id"}
POINTERS: Final = {
    "/customer_external_id": "/subject",
    "/customer_id": "/subject",
    "/meter": "/type",
    "/timestamp": "/time",
    "/idempotency_key": "/id",
    "/quantity": "/data/quantity",
    "/attributes": "/data",
    **{f"/{ours}": f"/{name}" for name, ours in _OURS.items()},
}
_KEY: Final = re.compile(r"[\x21-\x7e]{1,254}")
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def read_request(
    content_type: str, headers: Mapping[str, str], body: bytes
) -> tuple[list[Incoming | Refused], bool]:
    """Return the events of a request in any of the three modes, and whether it is a batch.

    `headers` have lower-case names. Errors: NotACloudEvent; MalformedJson; TooManyEvents.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith(BATCH):
        sent = decode_body(_decoder, body)
        if not isinstance(sent, list):
            raise NotACloudEvent(reason="a batch is an array of events")
        if len(sent) > BATCH_EVENTS_MAX:
            errors = [FieldError("", "too_many_events", f"at most {BATCH_EVENTS_MAX}")]
            raise TooManyEvents(errors=errors, limit=BATCH_EVENTS_MAX, count=len(sent))
        return [read_event(one) for one in sent], True
    if kind.startswith(STRUCTURED):
        return [read_event(decode_body(_decoder, body))], False
    if _HEADER + "specversion" not in headers:
        raise NotACloudEvent(
            reason=f"send {STRUCTURED}+json, {BATCH}+json, or the headers ce-specversion, ce-id, …"
        )
    return [read_event(_from_headers(kind, headers, body))], False


def _from_headers(kind: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    made: dict[str, Any] = {
        name.removeprefix(_HEADER): unquote(value)
        for name, value in headers.items()
        if name.startswith(_HEADER)
    }
    if kind:
        made["datacontenttype"] = kind
    if body:
        made["data"] = decode_body(_decoder, body) if _is_json(kind) else None
    return made


def _is_json(kind: object) -> bool:
    name = str(kind).partition(";")[0].strip().lower()
    return name in {"", "application/json", "text/json"} or name.endswith("+json")


def read_event(sent: object) -> Incoming | Refused:
    """Return one event, checked, or the first thing that is wrong with it.

    `type` names the meter, `subject` the customer's external id, (`source`, `id`) is the
    idempotency key; `data` are the attributes, and `data.quantity` the quantity. Extension
    attributes `agent`, `actiontype` and `subscriptionid` are ours; others go to the metadata.
    """
    if not isinstance(sent, dict):
        return Refused("invalid", "an event is an object")
    wrong = _what_is_wrong(sent)
    if wrong is not None:
        return wrong
    data = sent.get("data")
    quantity = (data or {}).get("quantity", 1)
    others = {k: v for k, v in sent.items() if k not in _OWN and k not in _OURS and k != "data"}
    item = Item(
        customer_external_id=sent["subject"],
        meter=sent["type"],
        quantity=quantity,
        timestamp=sent.get("time"),
        idempotency_key=key_of(sent["source"], sent["id"]),
        attributes=data,
        metadata={"cloudevent": {"source": sent["source"], "id": sent["id"], **others}},
        **{ours: sent.get(name) for name, ours in _OURS.items()},
    )
    made = check_item(item)
    if isinstance(made, Incoming):
        return made
    pointer = POINTERS.get(made.pointer, made.pointer)
    _, _, why = made.detail.partition(": ")
    return Refused(made.code, f"{pointer[1:]}: {why}", pointer, made.idempotency_key)


def _what_is_wrong(sent: dict[str, Any]) -> Refused | None:
    if sent.get("specversion") != "1.0":
        return Refused("invalid", "specversion: must be 1.0", "/specversion")
    for name in ("id", "source", "type", "subject"):
        value = sent.get(name)
        if not isinstance(value, str) or not value:
            return Refused("missing", f"{name}: must be a text that is not empty", f"/{name}")
    if "data_base64" in sent or not _is_json(sent.get("datacontenttype", "")):
        return Refused("invalid", "data: must be JSON", "/data")
    if not isinstance(sent.get("data"), dict | None):
        return Refused("invalid", "data: must be an object", "/data")
    return None


def key_of(source: str, event_id: str) -> str:
    """Return the idempotency key of (source, id); a hash of them where they are long or odd."""
    if _KEY.fullmatch(source) and _KEY.fullmatch(event_id):
        key = f"{source} {event_id}"
        if len(key) <= 255:
            return key
    digest = blake2b(f"{len(source)} {source} {event_id}".encode(), digest_size=16)
    return f"cloudevent {digest.hexdigest()}"
