"""The test space's clock over HTTP."""

from fastapi import APIRouter, Response

from tallybook.server.identity.errors import ClockGoesForward, TestKeyRequired
from tallybook.server.identity.models import Mode, Space
from tallybook.server.kernel import clock
from tallybook.server.storage import Tx
from tallybook.server.worker.advance import advance
from tallybook.wire import test_clock as wire

from .bodies import StrictRoute
from .calls import Read, Write, json_response
from .problems import responses

router = APIRouter(prefix="/test-clock", tags=["test clock"], route_class=StrictRoute)


def _shown(space: Space) -> wire.TestClock:
    return wire.TestClock(now=space.now(clock.now()), frozen=space.clock_at is not None)


@router.get(
    "",
    response_model=wire.TestClock,
    responses=responses(TestKeyRequired),
    operation_id="test_clock.get",
)
def get_test_clock(read: Read) -> Response:
    """Return the test space's time."""

    def work(_tx: Tx) -> wire.TestClock:
        if read.where.mode is not Mode.TEST:
            raise TestKeyRequired()
        return _shown(read.where)

    return read(work)


@router.post(
    "/advance",
    response_model=wire.TestClock,
    responses=responses(TestKeyRequired, ClockGoesForward),
    operation_id="test_clock.advance",
)
def advance_test_clock(body: wire.TestClockAdvance, write: Write) -> Response:
    """Move the test space's clock; all that falls due on the way is done when this returns."""
    space = advance(write.db, write.where, body.to, gateways=write.request.app.state.gateways)
    return json_response(_shown(space).model_dump_json().encode(), 200)
