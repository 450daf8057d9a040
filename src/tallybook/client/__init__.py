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
from .types.customers import TaxRate

__all__ = [
    "NOT_GIVEN",
    "APIConnectionError",
    "APIError",
    "APIResponse",
    "APIStatusError",
    "APITimeoutError",
    "AsyncCustomer",
    "AsyncPage",
    "AsyncTallybook",
    "AuthenticationError",
    "BadRequestError",
    "ClientDisabledError",
    "ConfigurationError",
    "ConflictError",
    "Customer",
    "DeliveryError",
    "FieldError",
    "IdempotencyInProgressError",
    "InsufficientBalanceError",
    "InternalServerError",
    "NotFoundError",
    "NotGiven",
    "Page",
    "PermissionDeniedError",
    "RateLimitError",
    "Tallybook",
    "TallybookError",
    "TaxRate",
    "Timeout",
    "UnprocessableEntityError",
    "UnreadableResponseError",
    "WebhookPayloadError",
    "WebhookSignatureError",
]
