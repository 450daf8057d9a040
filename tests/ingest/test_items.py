"""Events are read twice, fast and by the public definition: one verdict."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from tallybook.server.api.bodies import parse_json
from tallybook.server.ingest.errors import MalformedJson, TooManyEvents
from tallybook.server.ingest.formats.items import (
    check_item,
    decode_batch,
    decode_item,
)
from tallybook.server.ingest.models import Incoming, Refused
from tallybook.server.kernel.clock import to_micros
from tallybook.server.kernel.errors import InvalidInput, Malformed
from tallybook.server.kernel.money import plain
from tallybook.wire.events import EventBatch, EventCreate

from .corpus import BODIES, BROKEN, EVENT, ITEMS, REFUSED, Case


def name_of(case: Case) -> str:
    return case.name


def public(body: bytes) -> EventCreate:
    return EventCreate.model_validate(parse_json(body))


def pointer_of(error: ValidationError) -> str:
    """The first field that the public definition complains of."""
    where = error.errors()[0]["loc"]
    return "".join(f"/{part}" for part in where)


@pytest.mark.parametrize("case", ITEMS, ids=name_of)
def test_both_definitions_of_an_event_agree(case: Case) -> None:
    checked = check_item(decode_item(case.body))
    if case.pointer is None:
        assert isinstance(checked, Incoming), checked
        shown = public(case.body)
        assert checked.quantity == shown.quantity
        assert checked.at == (None if shown.timestamp is None else to_micros(shown.timestamp))
        assert checked.digits == plain(shown.quantity)
        assert checked.named.meter_ref == shown.meter
        assert (checked.named.customer_id, checked.named.customer_external_id) == (
            shown.customer_id,
            shown.customer_external_id,
        )
        if shown.idempotency_key is not None:
            assert checked.idempotency_key == shown.idempotency_key
        return
    assert isinstance(checked, Refused), checked
    assert checked.pointer == case.pointer
    with pytest.raises(ValidationError) as refused:
        public(case.body)
    assert pointer_of(refused.value) in (case.pointer, "")  # "": fields that do not fit together


@pytest.mark.parametrize("case", BODIES, ids=name_of)
def test_both_definitions_of_a_batch_agree(case: Case) -> None:
    if case.pointer is None:
        batch = decode_batch(case.body)
        shown = EventBatch.model_validate(parse_json(case.body))
        assert len(batch.events) == len(shown.events)
        assert batch.backfill is shown.backfill
        return
    with pytest.raises(InvalidInput) as refused:
        decode_batch(case.body)
    assert refused.value.errors[0].pointer == case.pointer
    with pytest.raises(ValidationError):
        EventBatch.model_validate(parse_json(case.body))


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_not_json_is_malformed_to_both(name: str) -> None:
    with pytest.raises(MalformedJson):
        decode_batch(BROKEN[name])
    with pytest.raises(MalformedJson):
        parse_json(BROKEN[name])


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_text_or_number_holds_is_refused_by_both(name: str) -> None:
    with pytest.raises((Malformed, InvalidInput)):
        decode_batch(REFUSED[name])
    with pytest.raises((Malformed, ValidationError)):
        EventBatch.model_validate(parse_json(REFUSED[name]))


def test_too_many_events_say_how_many_a_batch_may_have() -> None:
    with pytest.raises(TooManyEvents) as refused:
        decode_batch(b'{"events": [' + b",".join([EVENT] * 1001) + b"]}")
    assert refused.value.details == {"limit": 1000, "count": 1001}


def test_numbers_keep_their_digits() -> None:
    body = b'{"customer_id": "c", "meter": "m", "quantity": 0.1}'
    checked = check_item(decode_item(body))
    assert isinstance(checked, Incoming)
    assert checked.quantity == Decimal("0.1")
    body = b'{"customer_id": "c", "meter": "m", "attributes": {"a": 0.1, "b": 1e-7, "c": 1.10}}'
    checked = check_item(decode_item(body))
    assert isinstance(checked, Incoming)
    assert checked.attributes_text == '{"a":0.1,"b":1e-7,"c":1.1}'
    assert checked.attributes == {"a": Decimal("0.1"), "b": Decimal("1E-7"), "c": Decimal("1.10")}
    body = b'{"customer_id":"c","meter":"m","attributes":{"a":0.1234567890123456789,"b":%d}}'
    checked = check_item(decode_item(body % 10**25))
    assert isinstance(checked, Incoming)
    assert checked.attributes_text == '{"a":"0.1234567890123456789","b":"1' + "0" * 25 + '"}'


def test_a_time_is_kept_to_the_microsecond_in_utc() -> None:
    body = b'{"customer_id": "c", "meter": "m", "timestamp": "2026-03-01T12:00:00.123456789+05:30"}'
    checked = check_item(decode_item(body))
    assert isinstance(checked, Incoming)
    assert checked.at == to_micros(datetime(2026, 3, 1, 6, 30, 0, 123456, tzinfo=UTC))


def test_an_event_without_a_key_gets_one_of_its_own() -> None:
    first, second = check_item(decode_item(EVENT)), check_item(decode_item(EVENT))
    assert isinstance(first, Incoming)
    assert isinstance(second, Incoming)
    assert first.idempotency_key != second.idempotency_key


def test_a_refused_item_keeps_its_key_so_that_the_caller_knows_it() -> None:
    body = b'{"customer_id": "c", "meter": "m", "quantity": -1, "idempotency_key": "k"}'
    refused = check_item(decode_item(body))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.idempotency_key) == ("invalid_quantity", "k")
