"""Webhooks: endpoints, deliveries, the envelope, and the data of every event."""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field, StringConstraints

from .base import Dec, Instant, Ref, Request, Response, Text
from .customers import Customer
from .invoices import InvoiceEvent as InvoiceWebhookData
from .payments import Payment, Refund
from .subscriptions import Subscription
from .wallets import WalletTransaction

API_VERSION: Final = "v1"
URL_CHARS_MAX: Final = 2_000


class WEBHOOK_EVENTS(StrEnum):  # noqa: N801 - a list of constants, and the name users know
    """Every event that can be sent."""

    USAGE_LIMIT_APPROACHING = "usage.limit_approaching"
    USAGE_LIMIT_REACHED = "usage.limit_reached"
    USAGE_LIMIT_RESET = "usage.limit_reset"
    SUBSCRIPTION_CREATED = "subscription.created"
    SUBSCRIPTION_ACTIVATED = "subscription.activated"
    SUBSCRIPTION_TRIAL_ENDING = "subscription.trial_ending"
    SUBSCRIPTION_UPDATED = "subscription.updated"
    SUBSCRIPTION_PLAN_CHANGED = "subscription.plan_changed"
    SUBSCRIPTION_PAST_DUE = "subscription.past_due"
    SUBSCRIPTION_RECOVERED = "subscription.recovered"
    SUBSCRIPTION_SUSPENDED = "subscription.suspended"
    SUBSCRIPTION_RESUMED = "subscription.resumed"
    SUBSCRIPTION_CANCELED = "subscription.canceled"
    SUBSCRIPTION_ENDED = "subscription.ended"
    CUSTOMER_CREATED = "customer.created"
    CUSTOMER_UPDATED = "customer.updated"
    CUSTOMER_ACCESS_CHANGED = "customer.access_changed"
    INVOICE_CREATED = "invoice.created"
    INVOICE_FINALIZED = "invoice.finalized"
    INVOICE_SENT = "invoice.sent"
    INVOICE_PAID = "invoice.paid"
    INVOICE_PAST_DUE = "invoice.past_due"
    INVOICE_UNCOLLECTIBLE = "invoice.uncollectible"
    INVOICE_VOIDED = "invoice.voided"
    CREDIT_NOTE_CREATED = "credit_note.created"
    PAYMENT_COMPLETED = "payment.completed"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_REFUNDED = "payment.refunded"
    WALLET_TOPPED_UP = "wallet.topped_up"
    WALLET_CREDITED = "wallet.credited"
    WALLET_DEDUCTED = "wallet.deducted"
    WALLET_LOW_BALANCE = "wallet.low_balance"
    WALLET_RECHARGE_REQUIRED = "wallet.recharge_required"
    BUDGET_THRESHOLD_REACHED = "budget.threshold_reached"
    WEBHOOK_ENDPOINT_DISABLED = "webhook_endpoint.disabled"
    WEBHOOK_ENDPOINT_TEST = "webhook_endpoint.test"


EventName: TypeAlias = Literal[
    "usage.limit_approaching",
    "usage.limit_reached",
    "usage.limit_reset",
    "subscription.created",
    "subscription.activated",
    "subscription.trial_ending",
    "subscription.updated",
    "subscription.plan_changed",
    "subscription.past_due",
    "subscription.recovered",
    "subscription.suspended",
    "subscription.resumed",
    "subscription.canceled",
    "subscription.ended",
    "customer.created",
    "customer.updated",
    "customer.access_changed",
    "invoice.created",
    "invoice.finalized",
    "invoice.sent",
    "invoice.paid",
    "invoice.past_due",
    "invoice.uncollectible",
    "invoice.voided",
    "credit_note.created",
    "payment.completed",
    "payment.failed",
    "payment.refunded",
    "wallet.topped_up",
    "wallet.credited",
    "wallet.deducted",
    "wallet.low_balance",
    "wallet.recharge_required",
    "budget.threshold_reached",
    "webhook_endpoint.disabled",
    "webhook_endpoint.test",
]
EventChoice: TypeAlias = (
    Literal["all"] | Annotated[list[EventName], Field(min_length=1, max_length=100)]
)
Url = Annotated[Text, StringConstraints(min_length=1, max_length=URL_CHARS_MAX)]
Description = Annotated[Text, StringConstraints(max_length=1_000)]


def _absent() -> Any:
    return None


def _leave() -> Any:
    """Return the default of a field that may be absent, and may not be null."""
    return Field(default_factory=_absent)


class WebhookEndpointCreate(Request):
    """A URL that wants events: `all` (those to come too), or the names listed."""

    url: Url
    events: EventChoice = "all"
    description: Description | None = None


class WebhookEndpointUpdate(Request):
    """The fields to change; `enabled` lets a disabled endpoint have events again."""

    url: Url = _leave()
    events: EventChoice = _leave()
    description: Description | None = _leave()
    status: Literal["enabled", "disabled"] = _leave()


class WebhookReplay(Request):
    """What to send again: one message, or all since a time that did not arrive."""

    message_id: Ref | None = None
    since: Instant | None = None


class WebhookEndpoint(Response):
    """A URL that wants events."""

    id: str
    url: str
    events: Literal["all"] | list[str]
    description: str | None = None
    status: Literal["enabled", "disabled"] | str
    disabled_reason: Literal["gone", "only_failures", "by_user"] | str | None = None
    disabled_at: Instant | None = None
    failing_since: Instant | None = None
    created_at: Instant
    updated_at: Instant


class WebhookEndpointWithSecret(WebhookEndpoint):
    """An endpoint with its new secret, which is shown this once."""

    secret: str
    previous_secret_expires_at: Instant | None = None


class WebhookAttempt(Response):
    """One POST. Without `status_code` no answer came; `error` says why."""

    id: str
    number: int
    started_at: Instant
    duration_ms: int
    status_code: int | None = None
    error: str | None = None
    response_text: str | None = None


class WebhookDelivery(Response):
    """One message for one endpoint, with its latest attempts, the newest first."""

    id: str
    endpoint_id: str
    message_id: str
    event: str
    status: Literal["pending", "succeeded", "failed"] | str
    next_attempt_at: Instant | None = None
    attempts: list[WebhookAttempt] = Field(default_factory=list)
    created_at: Instant
    completed_at: Instant | None = None


class WebhookReplayResult(Response):
    """How many messages will be sent again."""

    replayed: int


class WebhookEvent(Response):
    """The envelope: the same bytes in every attempt, and the same shape in the feed.

    `sequence` rises by one with each event of one object.
    """

    id: str
    event: str
    created_at: Instant
    data: Any
    api_version: str | None = None
    project_id: str | None = None
    sequence: int | None = None


class WebhookData(Response):
    """The data of an event about a customer."""

    customer_id: str
    customer_external_id: str | None = None


class UsageLimitWebhookData(WebhookData):
    """The data of `usage.limit_approaching`, `.limit_reached` and `.limit_reset`."""

    subscription_id: str
    feature: str
    meter_id: str
    used: Dec
    limit: Dec
    remaining: Dec
    overage_allowed: bool
    limit_type: str
    event_quota_window: str
    reset_at: Instant | None


class UsageLimitReachedWebhookData(UsageLimitWebhookData):
    """The data of `usage.limit_reached`."""


class SubscriptionWebhookData(WebhookData):
    """The data of every `subscription.…` event."""

    subscription_id: str
    status: str | None = None
    previous_status: str | None = None
    reason: str | None = None
    access_blocked: bool | None = None
    """Of `past_due`: whether the grace is over."""
    previous_plan: str | None = None
    previous_plan_id: str | None = None
    subscription: Subscription | None = None


class CustomerWebhookData(WebhookData):
    """The data of `customer.created` and `customer.updated`."""

    customer: Customer | None = None


class CustomerAccessWebhookData(WebhookData):
    """The data of `customer.access_changed`. A `feature` of null means all."""

    reason: str | None = None
    """A reason of access: `ok` where it is given; or `terms_changed`."""
    caused_by: str | None = None
    """The event that it follows."""
    subscription_id: str | None = None
    feature: str | None = None


class CreditNoteWebhookData(WebhookData):
    """The data of `credit_note.created`."""

    credit_note_id: str
    invoice_id: str | None = None
    credit_note: dict[str, Any] | None = None


class PaymentWebhookData(WebhookData):
    """The data of `payment.completed`, `.failed` and `.refunded`; `refund` is of the last."""

    payment_id: str
    invoice_id: str | None = None
    amount: str | None = None
    currency: str | None = None
    status: str | None = None
    payment: Payment | None = None
    refund: Refund | None = None


class WalletWebhookData(WebhookData):
    """The data of every `wallet.…` event; money and credits in strings."""

    wallet_id: str
    currency: str | None = None
    balance: str | None = None
    credits_balance: str | None = None
    amount: str | None = None
    credits: str | None = None
    credit_type: str | None = None
    threshold: str | None = None
    payment_id: str | None = None
    transaction: WalletTransaction | None = None


class BudgetWebhookData(Response):
    """The data of `budget.threshold_reached`."""

    budget_id: str
    name: str | None = None
    customer_id: str | None = None
    customer_external_id: str | None = None
    agent_id: str | None = None
    """Neither customer nor agent: the whole project's."""
    kind: str | None = None
    threshold: str | None = None
    """A share of the amount: `0.8` is 80 %."""
    amount: str | None = None
    spent: str | None = None
    remaining: str | None = None
    currency: str | None = None
    period: str | None = None
    period_start: Instant | None = None
    period_end: Instant | None = None
    hard_stop: bool | None = None
    is_stopped: bool | None = None
    """Whether access is denied now."""


class EndpointDisabledWebhookData(Response):
    """The data of `webhook_endpoint.disabled`."""

    endpoint_id: str
    url: str
    description: str | None = None
    reason: str
    disabled_at: Instant | None = None
    failing_since: Instant | None = None


class EndpointTestWebhookData(Response):
    """The data of `webhook_endpoint.test`."""

    endpoint_id: str
    url: str
    description: str | None = None


class UsageLimitEvent(WebhookEvent):
    """Usage came near a limit, or is below it again."""

    event: Literal["usage.limit_approaching", "usage.limit_reset"]
    data: UsageLimitWebhookData


class UsageLimitReachedEvent(WebhookEvent):
    """Usage rose to a limit."""

    event: Literal["usage.limit_reached"]
    data: UsageLimitReachedWebhookData


class SubscriptionEvent(WebhookEvent):
    """Something happened to a subscription."""

    event: Literal[
        "subscription.created",
        "subscription.activated",
        "subscription.trial_ending",
        "subscription.updated",
        "subscription.plan_changed",
        "subscription.past_due",
        "subscription.recovered",
        "subscription.suspended",
        "subscription.resumed",
        "subscription.canceled",
        "subscription.ended",
    ]
    data: SubscriptionWebhookData


class CustomerEvent(WebhookEvent):
    """A customer was made or changed."""

    event: Literal["customer.created", "customer.updated"]
    data: CustomerWebhookData


class CustomerAccessEvent(WebhookEvent):
    """What a customer may use has changed."""

    event: Literal["customer.access_changed"]
    data: CustomerAccessWebhookData


class InvoiceEvent(WebhookEvent):
    """Something happened to an invoice."""

    event: Literal[
        "invoice.created",
        "invoice.finalized",
        "invoice.sent",
        "invoice.paid",
        "invoice.past_due",
        "invoice.uncollectible",
        "invoice.voided",
    ]
    data: InvoiceWebhookData


class CreditNoteEvent(WebhookEvent):
    """A credit note was made."""

    event: Literal["credit_note.created"]
    data: CreditNoteWebhookData


class PaymentEvent(WebhookEvent):
    """A payment came, failed, or went back."""

    event: Literal["payment.completed", "payment.failed", "payment.refunded"]
    data: PaymentWebhookData


class WalletEvent(WebhookEvent):
    """Credit came or went, or is low."""

    event: Literal[
        "wallet.topped_up",
        "wallet.credited",
        "wallet.deducted",
        "wallet.low_balance",
        "wallet.recharge_required",
    ]
    data: WalletWebhookData


class BudgetEvent(WebhookEvent):
    """A budget's threshold was reached."""

    event: Literal["budget.threshold_reached"]
    data: BudgetWebhookData


class EndpointDisabledEvent(WebhookEvent):
    """An endpoint has events no more."""

    event: Literal["webhook_endpoint.disabled"]
    data: EndpointDisabledWebhookData


class EndpointTestEvent(WebhookEvent):
    """What `test` sends."""

    event: Literal["webhook_endpoint.test"]
    data: EndpointTestWebhookData


TYPED_EVENTS: Final[tuple[type[WebhookEvent], ...]] = (
    UsageLimitEvent,
    UsageLimitReachedEvent,
    SubscriptionEvent,
    CustomerEvent,
    CustomerAccessEvent,
    InvoiceEvent,
    CreditNoteEvent,
    PaymentEvent,
    WalletEvent,
    BudgetEvent,
    EndpointDisabledEvent,
    EndpointTestEvent,
)
SCHEMAS: Final[dict[str, type[WebhookEvent]]] = {
    name: model
    for model in TYPED_EVENTS
    for name in model.model_fields["event"].annotation.__args__  # type: ignore[union-attr]
}
"""The model of each event, by its name."""
