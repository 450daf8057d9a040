"""One class per way to answer; a room's errors are subclasses of these.

Refusal
├── Malformed          the request cannot be read
├── Unauthorized       nobody we know
├── PaymentRequired    not enough money
├── Forbidden          known, but not allowed
├── NotFound           no such thing in this space
├── Conflict           not in this state
├── InvalidInput       read, and wrong
├── TooLarge           over a limit of size
├── Limited            too often
└── Unavailable        not now
Broken                 our own fault: rolls back, never shown in detail
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request."""

    pointer: str  # JSON pointer into the body ("/tiers/1/up_to"), or "?name" for a query parameter
    code: str
    detail: str


class Refusal(Exception):
    """The request was refused.

    Keyword details are ids and values, never secrets; they travel in the problem document.
    The class docstring is the message; `{name}` in it is filled from the details.
    """

    code: ClassVar[str] = "refused"  # public and permanent: never renamed, never reused
    retryable: ClassVar[bool] = False
    field: ClassVar[str | None] = None  # the pointer of what is wrong, where it is always the same

    def __init__(self, *, errors: Sequence[FieldError] = (), **details: Any) -> None:
        self.details = details
        self.errors = tuple(errors)
        if not self.errors and self.field is not None:
            self.errors = (FieldError(self.field, self.code, self.message),)
        super().__init__(self.message)

    @property
    def message(self) -> str:
        text = (type(self).__doc__ or "").strip().split("\n\n")[0]
        text = re.sub(r"\s+", " ", text)
        return re.sub(r"\{(\w+)\}", lambda m: str(self.details.get(m.group(1), m.group(0))), text)


class Malformed(Refusal):
    """The request cannot be read."""

    code = "malformed"


class Unauthorized(Refusal):
    """The API key is missing or not valid. Send it as `Authorization: Bearer tb_…`."""

    code = "invalid_api_key"


class PaymentRequired(Refusal):
    """There is not enough money for this."""

    code = "payment_required"


class Forbidden(Refusal):
    """This caller may not do that."""

    code = "forbidden"


class NotFound(Refusal):
    """There is no such object."""

    code = "not_found"


class Conflict(Refusal):
    """The object is not in a state that allows this."""

    code = "conflict"


class InvalidInput(Refusal):
    """The request has wrong values."""

    code = "validation_failed"


class TooLarge(Refusal):
    """The request is larger than the server takes."""

    code = "body_too_large"


class Limited(Refusal):
    """Too many requests; wait and try again."""

    code = "rate_limited"
    retryable = True


class Unavailable(Refusal):
    """The server cannot do this right now; try again."""

    code = "unavailable"
    retryable = True


class Broken(Exception):
    """A promise of ours does not hold: the transaction is rolled back and someone is told."""

    code: ClassVar[str] = "internal_error"

    def __init__(self, **details: Any) -> None:
        self.details = details
        doc = (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(f"{doc} {details}" if details else doc)
