"""Every pair of a status and an action: where it leads, or that it is refused."""

from itertools import product

import pytest

from tallybook.server.subscriptions.errors import IllegalTransition
from tallybook.server.subscriptions.models import Action, Status
from tallybook.server.subscriptions.rules.transitions import resume_action, transition

from .examples import day, subscription

RESUMES = (Action.RESUME, Action.RESUME_IN_TRIAL, Action.RESUME_PAST_DUE)
ALLOWED = {
    Status.DRAFT: {"schedule": "scheduled", "start_trial": "trialing", "start": "active"},
    Status.SCHEDULED: {"start_trial": "trialing", "start": "active"},
    Status.TRIALING: {"start": "active", "fall_due": "past_due"},
    Status.ACTIVE: {"fall_due": "past_due"},
    Status.PAST_DUE: {"recover": "active"},
    Status.SUSPENDED: {
        "resume": "active",
        "resume_in_trial": "trialing",
        "resume_past_due": "past_due",
    },
    Status.CANCELED: {},
    Status.ENDED: {},
}
for _status, _targets in ALLOWED.items():
    if _status not in (Status.CANCELED, Status.ENDED):
        _targets["cancel"] = "canceled"
    if _status in (Status.TRIALING, Status.ACTIVE, Status.PAST_DUE):
        _targets["suspend"] = "suspended"
    if _status in (Status.TRIALING, Status.ACTIVE, Status.PAST_DUE, Status.SUSPENDED):
        _targets["end"] = "ended"


@pytest.mark.parametrize(("status", "action"), list(product(Status, Action)))
def test_every_pair_leads_where_it_should_or_is_refused(status: Status, action: Action) -> None:
    before = subscription(status)
    target = ALLOWED[status].get(action.value)
    if target is None:
        with pytest.raises(IllegalTransition) as refused:
            transition(before, action, at=day(3, 10))
        assert refused.value.details["current_state"] == status
        assert refused.value.code == "invalid_state_transition"
    else:
        after = transition(before, action, at=day(3, 10))
        assert after.status == target
        assert after.version == before.version + 1
        assert before.status is status


def test_a_cancel_stops_all_that_was_to_come() -> None:
    before = subscription(cancel_at=day(4, 1), resume_at=day(5, 1), next_version=2)
    after = transition(before, Action.CANCEL, at=day(3, 10), reason="too dear")
    assert after.canceled_at == after.ended_at == day(3, 10)
    assert after.cancel_reason == "too dear"
    assert (after.cancel_at, after.resume_at, after.next_version) == (None, None, None)


def test_a_cancel_that_takes_effect_keeps_the_reason_it_was_asked_for_with() -> None:
    before = subscription(cancel_at=day(4, 1), cancel_reason="moved")
    assert transition(before, Action.CANCEL, at=day(4, 1)).cancel_reason == "moved"


def test_an_end_is_not_a_cancel() -> None:
    after = transition(subscription(), Action.END, at=day(4, 1))
    assert (after.ended_at, after.canceled_at) == (day(4, 1), None)


def test_suspending_and_resuming_leaves_no_trace_but_the_version() -> None:
    suspended = transition(subscription(), Action.SUSPEND, at=day(3, 5), reason="overdue")
    assert (suspended.suspended_at, suspended.suspend_reason) == (day(3, 5), "overdue")
    assert suspended.suspended_from is Status.ACTIVE
    assert suspended.current_period_end == day(4, 1)
    resumed = transition(suspended, Action.RESUME, at=day(3, 6))
    assert resumed.suspended_at is resumed.suspend_reason is resumed.suspended_from is None


@pytest.mark.parametrize(
    ("suspended_from", "is_past_due", "trial_end", "action"),
    [
        (Status.ACTIVE, None, None, Action.RESUME),
        (Status.PAST_DUE, None, None, Action.RESUME_PAST_DUE),
        (Status.PAST_DUE, False, None, Action.RESUME),
        (Status.ACTIVE, True, None, Action.RESUME_PAST_DUE),
        (Status.TRIALING, None, day(3, 11), Action.RESUME_IN_TRIAL),
        (Status.TRIALING, None, day(3, 10), Action.RESUME),
    ],
)
def test_a_suspended_one_resumes_as_its_dates_and_invoices_say(
    suspended_from: Status, is_past_due: bool | None, trial_end: object, action: Action
) -> None:
    sub = subscription(Status.SUSPENDED, suspended_from=suspended_from, trial_end=trial_end)
    assert resume_action(sub, at=day(3, 10), is_past_due=is_past_due) is action
