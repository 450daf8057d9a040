"""How subscriptions says no.

NotFound
├── SubscriptionNotFound
├── ContractNotFound
└── PeriodNotFound
Conflict
├── AlreadySubscribed
├── TrialAlreadyUsed
├── IllegalTransition
├── VersionConflict
└── PeriodTaken
InvalidInput
├── DatesInvalid         an end before its start, and the like
├── TrialNotOffered
└── ContractNotReady     warnings, which `skip_validation` passes over
"""

from tallybook.server.kernel.errors import Conflict, InvalidInput, NotFound


class SubscriptionNotFound(NotFound):
    """There is no such subscription."""

    code = "subscription_not_found"


class ContractNotFound(NotFound):
    """There is no such contract."""

    code = "contract_not_found"


class PeriodNotFound(NotFound):
    """The subscription {subscription_id} has no period {number}."""

    code = "period_not_found"


class AlreadySubscribed(Conflict):
    """The customer has a live subscription on this plan: {subscription_id}."""

    code = "already_subscribed"


class TrialAlreadyUsed(Conflict):
    """The customer has had the trial of this plan; send status `active` to start without one."""

    code = "trial_already_used"


class IllegalTransition(Conflict):
    """A subscription that is {current_state} cannot {action}."""

    code = "invalid_state_transition"


class VersionConflict(Conflict):
    """The subscription was changed by another request at the same time; try again."""

    code = "version_conflict"


class PeriodTaken(Conflict):
    """The period {number} of the subscription {subscription_id} exists."""

    code = "period_taken"


class DatesInvalid(InvalidInput):
    """The dates do not fit together."""

    code = "validation_failed"


class TrialNotOffered(InvalidInput):
    """The plan offers no trial: give `trial_end`, or leave the status out."""

    code = "trial_not_offered"


class ContractNotReady(InvalidInput):
    """The contract has warnings; send `skip_validation` to activate it all the same."""

    code = "contract_not_ready"
