"""The SDK: `Tallybook`, `AsyncTallybook`, and what their calls take, return and raise."""

from httpx2 import Timeout

from tallybook.wire.events import EventResult

from ._async.access import AsyncCustomerState
from ._async.access_cache import AsyncAccessCache
from ._async.buffers import AsyncUsageBuffer
from ._async.client import AsyncTallybook
from ._async.customers import AsyncCustomer
from ._async.holds import AsyncHold
from ._async.invoices import AsyncInvoice
from ._async.pages import AsyncPage
from ._async.redis_buffer import AsyncRedisUsageBuffer
from ._async.subscriptions import AsyncCancellation, AsyncPlanChange, AsyncSubscription
from ._async.wallets import AsyncWallet, AsyncWalletTransactionResult
from ._sync.access import CustomerState
from ._sync.access_cache import AccessCache
from ._sync.buffers import UsageBuffer
from ._sync.client import Tallybook
from ._sync.customers import Customer
from ._sync.holds import Hold
from ._sync.invoices import Invoice
from ._sync.pages import Page
from ._sync.redis_buffer import RedisUsageBuffer
from ._sync.subscriptions import Cancellation, PlanChange, Subscription
from ._sync.wallets import Wallet, WalletTransactionResult
from .access_local import LocalDecision
from .errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ClientDisabledError,
    ConfigurationError,
    ConflictError,
    DeliveryError,
    FieldError,
    IdempotencyInProgressError,
    InsufficientBalanceError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    TallybookError,
    UnprocessableEntityError,
    UnreadableResponseError,
    WebhookPayloadError,
    WebhookSignatureError,
)
from .llm import attribute, bind, wrap
from .money import Money
from .not_given import NOT_GIVEN, NotGiven
from .responses import APIResponse
from .tracking import QueueStats
from .tracking.events import TrackInput
from .types.access import AccessDecision
from .types.agents import (
    ActionValueParams,
    Agent,
    AgentAction,
    AgentActionParams,
    AgentParams,
    AgentWithActions,
    BillableMeter,
)
from .types.costs import Cost, MarginReport, ModelPrice, Repriced, UnpricedModel
from .types.credit_notes import CreditNote, CreditNoteLine
from .types.customers import TaxRate
from .types.invoices import InvoiceExplanation, InvoicePreview, LineItem, Tax
from .types.markets import Balance, Market
from .types.meters import Meter
from .types.payments import Payment, Refund
from .types.plans import (
    Estimate,
    MeterPrice,
    Plan,
    PlanCatalog,
    PlanCharge,
    PlanPrice,
    PriceTerms,
    PriceTier,
    Tier,
    UnavailablePlan,
)
from .types.seller import Seller
from .types.subscriptions import (
    Contract,
    ContractCancellation,
    ContractTerms,
    MeterOverride,
    ResolvedTerms,
)
from .types.usage import AggregatedUsage, BatchResult, ReplayResult, UsageEvent, UsageInput
from .types.wallets import WalletBalance, WalletTransaction
from .types.webhooks import (
    FeedEvent,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEndpointWithSecret,
    WebhookReplayResult,
)

__all__ = [
    "NOT_GIVEN",
    "APIConnectionError",
    "APIError",
    "APIResponse",
    "APIStatusError",
    "APITimeoutError",
    "AccessCache",
    "AccessDecision",
    "ActionValueParams",
    "Agent",
    "AgentAction",
    "AgentActionParams",
    "AgentParams",
    "AgentWithActions",
    "AggregatedUsage",
    "AsyncAccessCache",
    "AsyncCancellation",
    "AsyncCustomer",
    "AsyncCustomerState",
    "AsyncHold",
    "AsyncInvoice",
    "AsyncPage",
    "AsyncPlanChange",
    "AsyncRedisUsageBuffer",
    "AsyncSubscription",
    "AsyncTallybook",
    "AsyncUsageBuffer",
    "AsyncWallet",
    "AsyncWalletTransactionResult",
    "AuthenticationError",
    "BadRequestError",
    "Balance",
    "BatchResult",
    "BillableMeter",
    "Cancellation",
    "ClientDisabledError",
    "ConfigurationError",
    "ConflictError",
    "Contract",
    "ContractCancellation",
    "ContractTerms",
    "Cost",
    "CreditNote",
    "CreditNoteLine",
    "Customer",
    "CustomerState",
    "DeliveryError",
    "Estimate",
    "EventResult",
    "FeedEvent",
    "FieldError",
    "Hold",
    "IdempotencyInProgressError",
    "InsufficientBalanceError",
    "InternalServerError",
    "Invoice",
    "InvoiceExplanation",
    "InvoicePreview",
    "LineItem",
    "LocalDecision",
    "MarginReport",
    "Market",
    "Meter",
    "MeterOverride",
    "MeterPrice",
    "ModelPrice",
    "Money",
    "NotFoundError",
    "NotGiven",
    "Page",
    "Payment",
    "PermissionDeniedError",
    "Plan",
    "PlanCatalog",
    "PlanChange",
    "PlanCharge",
    "PlanPrice",
    "PriceTerms",
    "PriceTier",
    "QueueStats",
    "RateLimitError",
    "RedisUsageBuffer",
    "Refund",
    "ReplayResult",
    "Repriced",
    "ResolvedTerms",
    "Seller",
    "Subscription",
    "Tallybook",
    "TallybookError",
    "Tax",
    "TaxRate",
    "Tier",
    "Timeout",
    "TrackInput",
    "UnavailablePlan",
    "UnpricedModel",
    "UnprocessableEntityError",
    "UnreadableResponseError",
    "UsageBuffer",
    "UsageEvent",
    "UsageInput",
    "Wallet",
    "WalletBalance",
    "WalletTransaction",
    "WalletTransactionResult",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEndpointWithSecret",
    "WebhookPayloadError",
    "WebhookReplayResult",
    "WebhookSignatureError",
    "attribute",
    "bind",
    "wrap",
]
