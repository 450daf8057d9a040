"""Everything the SDK raises, in one tree.

    TallybookError
    ├── ConfigurationError            the client was built wrongly
    ├── ClientDisabledError           an API call on a client with disabled=True
    ├── DeliveryError                 events that were not delivered (.events)
    ├── WebhookSignatureError         a webhook that nobody we know signed
    ├── WebhookPayloadError           a webhook that cannot be read
    └── APIError                      a call that failed
        ├── APIConnectionError        no answer came                          retried
        │   └── APITimeoutError       it did not come in time                 retried
        └── APIStatusError            the server refused
            ├── BadRequestError               400, 413
            ├── AuthenticationError           401
            ├── InsufficientBalanceError      402  .required .available .currency .wallet_id
            ├── PermissionDeniedError         403
            ├── NotFoundError                 404
            ├── ConflictError                 409  .current_state
            │   └── IdempotencyInProgressError  409                           retried
            ├── UnprocessableEntityError      422  .errors
            ├── RateLimitError                429  .retry_after .limit .remaining  retried
            ├── InternalServerError           500 and above                   retried
            └── UnreadableResponseError       a success whose body is not the API's

Every error can be pickled; the pickle holds the answer, and not the request with its key.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import httpx2

from .retry_after import parse_retry_after, rate_limit_numbers

_FIELDS_SHOWN_MAX: Final = 3
_TEXT_SHOWN_CHARS_MAX: Final = 200


def _rebuild(
    cls: type["TallybookError"], args: tuple[Any, ...], state: dict[str, Any]
) -> "TallybookError":
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class TallybookError(Exception):
    """The base of all errors of the SDK."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__.copy())


class ConfigurationError(TallybookError):
    """The client was given options that cannot work."""


class ClientDisabledError(TallybookError):
    """The client was built with disabled=True, so it makes no API calls."""


class DeliveryError(TallybookError):
    """Events that were not delivered: `events` holds them, `reason` says why in one word.

    `__cause__` is the error of the last try, where there was one.
    """

    def __init__(self, message: str, *, events: Sequence[Any] = (), reason: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.reason = str(reason)
        self.events = list(events)


class WebhookSignatureError(TallybookError):
    """The webhook's signature is missing, wrong, or outside the tolerance."""


class WebhookPayloadError(TallybookError):
    """The webhook's body is not the envelope of an event."""


class APIError(TallybookError):
    """A call that failed."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class APIConnectionError(APIError):
    """The server could not be reached, or the connection broke."""


class APITimeoutError(APIConnectionError):
    """The server did not answer in time."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of the request: a JSON pointer, a code, a sentence."""

    pointer: str
    code: str
    detail: str

    def __getitem__(self, name: str) -> str:
        if name not in ("pointer", "code", "detail"):
            raise KeyError(name)
        return str(getattr(self, name))


class APIStatusError(APIError):
    """The server answered with an error status.

    `body` is the decoded problem document, extension fields included, or the text where the
    answer was not JSON.
    """

    def __init__(self, response: httpx2.Response, *, body: Any = None) -> None:
        problem: Mapping[str, Any] = body if isinstance(body, dict) else {}
        self.response = response
        self.body = body
        self.status_code = response.status_code
        self.code = _text(problem.get("code"))
        self.request_id = _text(response.headers.get("x-request-id") or problem.get("request_id"))
        self.errors = _field_errors(problem.get("errors"))
        super().__init__(_message(response, body, problem))
        self._read(problem)

    def _read(self, problem: Mapping[str, Any]) -> None:
        """Read the extension fields of one kind of error."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__ | {"response": _keyless(self)})

    def __str__(self) -> str:
        parts = [str(self.status_code), *([self.code] if self.code else [])]
        said = self.message
        unsaid = [
            error
            for error in self.errors
            if error.detail != said and f"{error.pointer}: {error.detail}" not in said
        ]
        shown = unsaid[:_FIELDS_SHOWN_MAX]
        fields = "".join(f"; {error.pointer}: {error.detail}" for error in shown)
        more = len(unsaid) - len(shown)
        tail = f"; and {more} more" if more else ""
        origin = f" (request {self.request_id})" if self.request_id else ""
        return f"{' '.join(parts)}: {self.message}{fields}{tail}{origin}"


class BadRequestError(APIStatusError):
    """The request could not be read: malformed, or too large."""


class AuthenticationError(APIStatusError):
    """The API key is missing, unknown or revoked."""


class InsufficientBalanceError(APIStatusError):
    """The customer's wallets do not hold what the call needs."""

    required: Decimal | None
    available: Decimal | None
    currency: str | None
    wallet_id: str | None

    def _read(self, problem: Mapping[str, Any]) -> None:
        self.required = _decimal(problem.get("required"))
        self.available = _decimal(problem.get("available"))
        self.currency = _text(problem.get("currency"))
        self.wallet_id = _text(problem.get("wallet_id"))


class PermissionDeniedError(APIStatusError):
    """The API key may not do this, or belongs to another project."""


class NotFoundError(APIStatusError):
    """There is no such object in the key's project and space."""


class ConflictError(APIStatusError):
    """The object's present state does not allow the call."""

    current_state: str | None

    def _read(self, problem: Mapping[str, Any]) -> None:
        self.current_state = _text(problem.get("current_state"))


class IdempotencyInProgressError(ConflictError):
    """Another call with the same idempotency key is still being worked on."""


class UnprocessableEntityError(APIStatusError):
    """The request was read, and a rule refuses its values; `errors` names the fields."""


class RateLimitError(APIStatusError):
    """Too many calls; `retry_after` is in seconds."""

    retry_after: float | None
    limit: int | None
    remaining: int | None

    def _read(self, problem: Mapping[str, Any]) -> None:
        headers = self.response.headers
        self.retry_after = parse_retry_after(headers)
        self.limit, self.remaining = rate_limit_numbers(headers, problem)


class InternalServerError(APIStatusError):
    """The server failed, or is not available."""


class UnreadableResponseError(APIStatusError):
    """The server reported a success, with a body that is not the API's."""


STATUS_ERRORS: Final[Mapping[int, type[APIStatusError]]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: InsufficientBalanceError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    413: BadRequestError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}


def error_from_response(response: httpx2.Response) -> APIStatusError:
    """Return the error that an answer with an error status means."""
    body = _decode(response)
    if response.status_code >= 500:
        return InternalServerError(response, body=body)
    kind = STATUS_ERRORS.get(response.status_code, APIStatusError)
    code = body.get("code") if isinstance(body, dict) else None
    if kind is ConflictError and code == "idempotency_in_progress":
        kind = IdempotencyInProgressError
    return kind(response, body=body)


def unreadable(response: httpx2.Response, why: str) -> UnreadableResponseError:
    """Return the error of a success whose body could not be read."""
    error = UnreadableResponseError(response, body=_decode(response))
    error.message = f"the answer is not what this SDK can read: {why}"
    error.args = (error.message,)
    return error


def connection_error(cause: httpx2.RequestError, base_url: str) -> APIConnectionError:
    """Return the error that a failed exchange means."""
    what = str(cause) or type(cause).__name__
    if isinstance(cause, httpx2.TimeoutException):
        return APITimeoutError(f"no answer in time from {base_url}: {what}")
    return APIConnectionError(f"cannot reach {base_url}: {what}")


def _keyless(error: APIStatusError) -> httpx2.Response:
    """Return the answer, to a request without its headers."""
    response = copy(error.response)
    try:
        request = error.response.request
    except RuntimeError:  # an answer made by hand has none
        return response
    response.request = httpx2.Request(request.method, request.url)
    return response


def _decode(response: httpx2.Response) -> Any:
    try:
        return response.json()
    except (ValueError, RecursionError):  # a proxy's page, or nothing at all
        return response.text or None


def _message(response: httpx2.Response, body: Any, problem: Mapping[str, Any]) -> str:
    said = _text(problem.get("detail")) or _text(problem.get("title"))
    if said:
        return said
    if response.is_redirect:
        return f"redirected to {response.headers.get('location')}; set base_url to that address"
    if isinstance(body, str) and body.strip():
        return body.strip()[:_TEXT_SHOWN_CHARS_MAX]
    return response.reason_phrase or "no message"


def _field_errors(found: Any) -> list[FieldError]:
    items = found if isinstance(found, list) else []
    return [
        FieldError(*(str(item.get(name) or "") for name in ("pointer", "code", "detail")))
        for item in items
        if isinstance(item, dict)
    ]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _decimal(value: Any) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None
