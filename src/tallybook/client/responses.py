"""What comes back: objects that know where they came from, and raw answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import httpx2
from pydantic import PrivateAttr, ValidationError

from tallybook.wire.base import Page, Response

from .calls import RAW_RESPONSE
from .errors import TallybookError, unreadable

T = TypeVar("T")
M = TypeVar("M", bound=Response)


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """The answer that an object came in. Copies keep it; equality and pickles leave it out."""

    client: Any = field(default=None, repr=False)
    request_id: str | None = None
    idempotent: bool = False

    @classmethod
    def of(cls, response: httpx2.Response, client: Any) -> "Origin":
        replayed = response.headers.get("idempotent-replayed", "").strip().lower() == "true"
        return cls(client, response.headers.get("x-request-id"), replayed)

    def bound_client(self) -> Any:
        """Return the client. Errors: TallybookError, where the object came from no answer."""
        if self.client is None:
            raise TallybookError("this object came from no answer, so it cannot make calls")
        return self.client

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin)

    def __hash__(self) -> int:
        return 0

    def __copy__(self) -> "Origin":
        return self

    def __deepcopy__(self, memo: Any) -> "Origin":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Origin, ()


class Result(Response):
    """A wire model that came in an answer."""

    _origin: Origin = PrivateAttr(default_factory=Origin)

    def model_post_init(self, context: Any, /) -> None:
        if isinstance(context, Origin):
            self._origin = context

    @property
    def request_id(self) -> str | None:
        """The id of the request that brought this object, as the server logs it."""
        return self._origin.request_id

    @property
    def idempotent(self) -> bool:
        """Whether this answers an earlier call with the same intent, which is not repeated."""
        return self._origin.idempotent or bool((self.model_extra or {}).get("idempotent"))


class APIResponse(Generic[T]):
    """An answer as it came; `parse()` gives what the verb itself would have returned."""

    def __init__(self, response: httpx2.Response, parse: Callable[[httpx2.Response], T]) -> None:
        self.http_response = response
        self._parse = parse

    @property
    def status_code(self) -> int:
        return self.http_response.status_code

    @property
    def headers(self) -> httpx2.Headers:
        return self.http_response.headers

    @property
    def request_id(self) -> str | None:
        return self.http_response.headers.get("x-request-id")

    @property
    def content(self) -> bytes:
        return self.http_response.content

    def parse(self) -> T:
        return self._parse(self.http_response)

    def __repr__(self) -> str:
        return f"<APIResponse {self.status_code} request_id={self.request_id}>"


def ask_raw(arguments: dict[str, Any]) -> None:
    """Mark the arguments of a verb, so that its call answers an APIResponse."""
    extra = arguments.get("extra_headers") or {}
    arguments["extra_headers"] = {**extra, RAW_RESPONSE: "1"}


def told_raw(answer: T) -> APIResponse[T]:
    """Return what a verb gave when asked for the APIResponse."""
    assert isinstance(answer, APIResponse), "a verb must return what its call returned"
    return answer


def without_raw(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a call, for calls that answer parsed objects."""
    extra = {
        name: value
        for name, value in (options.get("extra_headers") or {}).items()
        if name != RAW_RESPONSE
    }
    return {**options, "extra_headers": extra}


def parse_nothing(_: httpx2.Response) -> None:
    """Return None, whatever the answer holds."""


def to_bytes(response: httpx2.Response) -> bytes:
    return response.content


def to_text(response: httpx2.Response) -> str:
    return response.text


def parse_model(response: httpx2.Response, model: type[M], client: Any) -> M:
    """Return the object in an answer. Errors: UnreadableResponseError."""
    try:
        return model.model_validate_json(response.content, context=Origin.of(response, client))
    except ValidationError as error:
        raise unreadable(response, _why(error)) from None


def parse_page(response: httpx2.Response, model: type[M], client: Any) -> Page[M]:
    """Return the page in an answer. Errors: UnreadableResponseError."""
    page: Any = Page
    parsed: Page[M] = parse_model(response, page[model], client)
    return parsed


def _why(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = "/".join(str(part) for part in first["loc"])
    return f"{error.title}{'/' + where if where else ''}: {first['msg']}"
