"""The SDK: `Tallybook`, `AsyncTallybook`, and what their calls take, return and raise."""

from httpx2 import Timeout

from ._async.client import AsyncTallybook
from ._async.customers import AsyncCustomer
from ._async.pages import AsyncPage
from ._sync.client import Tallybook
from ._sync.customers import Customer
from ._sync.pages import Page
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
from .not_given import NOT_GIVEN, NotGiven
from .responses import APIResponse
from .types.agents import (
    ActionValueParams,
    Agent,
    AgentAction,
    AgentActionParams,
    AgentParams,
    AgentWithActions,
    BillableMeter,
)
from .types.customers import TaxRate
from .types.markets import Balance, Market
from .types.meters import Meter
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

__all__ = [
    "NOT_GIVEN",
    "APIConnectionError",
    "APIError",
    "APIResponse",
    "APIStatusError",
    "APITimeoutError",
    "ActionValueParams",
    "Agent",
    "AgentAction",
    "AgentActionParams",
    "AgentParams",
    "AgentWithActions",
    "AsyncCustomer",
    "AsyncPage",
    "AsyncTallybook",
    "AuthenticationError",
    "BadRequestError",
    "Balance",
    "BillableMeter",
    "ClientDisabledError",
    "ConfigurationError",
    "ConflictError",
    "Customer",
    "DeliveryError",
    "Estimate",
    "FieldError",
    "IdempotencyInProgressError",
    "InsufficientBalanceError",
    "InternalServerError",
    "Market",
    "Meter",
    "MeterPrice",
    "NotFoundError",
    "NotGiven",
    "Page",
    "PermissionDeniedError",
    "Plan",
    "PlanCatalog",
    "PlanCharge",
    "PlanPrice",
    "PriceTerms",
    "PriceTier",
    "RateLimitError",
    "Tallybook",
    "TallybookError",
    "TaxRate",
    "Tier",
    "Timeout",
    "UnavailablePlan",
    "UnprocessableEntityError",
    "UnreadableResponseError",
    "WebhookPayloadError",
    "WebhookSignatureError",
]
