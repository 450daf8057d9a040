"""The door of subscriptions: a file per kind of use case."""

from .contract_edits import activate, update_contract
from .contracts import (
    get_agreement,
    get_contract,
    get_terms,
    get_version,
    list_contracts,
    list_versions,
)
from .create import create, draft_opening
from .lifecycle import (
    announce_blocked,
    announce_trial_ending,
    apply,
    resume,
    schedule_cancel,
    suspend,
    withdraw_cancel,
)
from .lookups import (
    any_live_for_customer,
    any_live_on_plan,
    get,
    get_current_period,
    get_period,
    keep,
    list_for_customer,
    list_page,
    list_periods,
    require_free,
    timelines,
)
from .periods import close_period, open_next_period, open_period
from .plan_changes import (
    Changed,
    change_terms,
    require_changeable,
    schedule_terms,
    withdraw_scheduled_terms,
)
from .signing import negotiate, sign
from .usage import counter_versions, read_usage

__all__ = [
    "Changed",
    "activate",
    "announce_blocked",
    "announce_trial_ending",
    "any_live_for_customer",
    "any_live_on_plan",
    "apply",
    "change_terms",
    "close_period",
    "counter_versions",
    "create",
    "draft_opening",
    "get",
    "get_agreement",
    "get_contract",
    "get_current_period",
    "get_period",
    "get_terms",
    "get_version",
    "keep",
    "list_contracts",
    "list_for_customer",
    "list_page",
    "list_periods",
    "list_versions",
    "negotiate",
    "open_next_period",
    "open_period",
    "read_usage",
    "require_changeable",
    "require_free",
    "resume",
    "schedule_cancel",
    "schedule_terms",
    "sign",
    "suspend",
    "timelines",
    "update_contract",
    "withdraw_cancel",
    "withdraw_scheduled_terms",
]
