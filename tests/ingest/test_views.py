"""An event's short JSON is the documented one."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tallybook.server.ingest import views
from tallybook.server.metering.models import Event, EventStatus, Owner
from tallybook.server.subscriptions.models import TimelinePeriod
from tests.subscriptions.examples import terms

from .test_rules import AGT, CUS, NOW, SUB_1, meter_id

PERIOD = TimelinePeriod(
    3, NOW, NOW + timedelta(days=30, microseconds=5), False, False, 1, terms("pro")
)
PLACED = Event(
    position=7, owner=Owner(CUS, None), meter_id=meter_id("calls"), meter_ref=None,
    quantity=Decimal("12.50"), value=Decimal("12.50"), member=None,
    at=NOW + timedelta(microseconds=123_000), received_at=NOW, idempotency_key='a "key"',
    content=1, status=EventStatus.ACCEPTED, reason=None, subscription_ref=None,
    subscription_id=SUB_1, period=3, agent_id=AGT, agent_ref=None, action_type="task",
    attributes='{"a":[1,2.5,"é"],"b":null}', metadata="{}", over_limit=True,
)  # fmt: skip
WAITING = replace(
    PLACED, owner=Owner(None, "Acmé"), meter_id=None, meter_ref="calls", subscription_id=None,
    period=None, agent_id=None, action_type=None, attributes=None, metadata=None,
    over_limit=False, status=EventStatus.UNMATCHED, reason="meter_not_found",
)  # fmt: skip


@pytest.mark.parametrize(
    ("event", "meter_key", "period"),
    [
        (PLACED, "calls", PERIOD),
        (PLACED, "calls", None),
        (PLACED, None, PERIOD),
        (WAITING, None, None),
        (replace(WAITING, quantity=Decimal("1E+3"), status=EventStatus.VOIDED), None, PERIOD),
    ],
)
def test_the_short_json_of_an_event_is_the_documented_one(
    event: Event, meter_key: str | None, period: TimelinePeriod | None
) -> None:
    short = views.to_json(event, meter_key=meter_key, period=period)
    shown = views.to_wire(event, meter_key=meter_key, period=period)
    assert json.loads(short) == json.loads(shown.model_dump_json())
    assert list(json.loads(short)) == list(json.loads(shown.model_dump_json()))
