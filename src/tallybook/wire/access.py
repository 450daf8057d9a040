"""Access: whether a customer may go on, and all that it may do."""

from typing import Final, Literal, TypeAlias

from pydantic import Field, StrictBool, model_validator

from .base import CustomerChoice, Dec, IdempotencyKey, Instant, NonNegative, Response
from .customers import Customer
from .events import ActionType, EventJson, EventRef
from .subscriptions import Subscription
from .wallets import Wallet

AccessReason: TypeAlias = Literal[
    "ok",
    "overage",
    "free_overage",
    "no_subscription",
    "subscription_past_due",
    "subscription_suspended",
    "subscription_canceled",
    "not_started",
    "feature_not_in_plan",
    "limit_reached",
    "insufficient_wallet_balance",
    "customer_suspended",
    "budget_exceeded",
]
"""The first three are allowed, the others are not."""
OverageMode: TypeAlias = Literal["bill", "deny", "free"]
LimitKind: TypeAlias = Literal["none", "event_quota"]
Window: TypeAlias = Literal["hour", "day", "week", "month", "billing_period", "lifetime"]
_OF_AN_EVENT: Final = (
    "timestamp",
    "action_type",
    "attributes",
    "metadata",
    "idempotency_key",
)


class AccessCheck(CustomerChoice):
    """A question, and with `record` the usage itself, stored in the same step if it is allowed.

    The fields below `record` are those of an event; they are taken with `record` only.
    """

    feature: EventRef
    """A meter's key or id, or a boolean feature of a plan."""
    quantity: NonNegative = Field(default="1", validate_default=True)
    subscription_id: EventRef | None = None
    agent: EventRef | None = None
    """Whose work it is: an agent whose budget is spent is denied."""
    record: StrictBool = False
    timestamp: Instant | None = None
    action_type: ActionType | None = None
    attributes: EventJson | None = None
    metadata: EventJson | None = None
    idempotency_key: IdempotencyKey | None = None

    @model_validator(mode="after")
    def _event_only_if_recorded(self) -> "AccessCheck":
        given = [name for name in _OF_AN_EVENT if getattr(self, name) is not None]
        if given and not self.record:
            raise ValueError(f"{', '.join(given)}: only with record=true")
        return self


class AccessDecision(Response):
    """Whether the quantity may be used, and why.

    `used` holds what is held too, and with `record` the event itself. A `limit` of null: there
    is none. `reset_at` of null: the limit is for ever, or there is none.
    """

    allowed: bool
    reason: AccessReason | str
    feature: str
    meter_id: str | None = None
    subscription_id: str | None = None
    used: Dec
    limit: Dec | None = None
    remaining: Dec | None = None
    overage_allowed: bool
    limit_type: LimitKind | str
    event_quota_window: Window | str | None = None
    reset_at: Instant | None = None
    checked_at: Instant
    event_id: str | None = None
    """What was recorded."""

    def __bool__(self) -> bool:
        return self.allowed


class Entitlement(Response):
    """What a customer has of one feature. `allowed` and `reason` are of one more unit."""

    feature: str
    meter_id: str | None = None
    subscription_id: str
    plan_version_id: str
    allowed: bool
    reason: AccessReason | str
    used: Dec
    limit: Dec | None = None
    remaining: Dec | None = None
    included_units: Dec
    overage: OverageMode | str | None = None
    """What happens past the limit; null for a boolean feature."""
    over_limit: Dec
    """How much of `used` is past the limit."""
    limit_type: LimitKind | str
    event_quota_window: Window | str | None = None
    reset_at: Instant | None = None


class CustomerState(Response):
    """A customer with its live subscriptions, its wallets, and each feature it has."""

    customer: Customer
    subscriptions: list[Subscription]
    wallets: list[Wallet]
    entitlements: list[Entitlement]
    as_of: Instant
