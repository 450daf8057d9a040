"""Reading a body: capped, strict JSON, numbers from their digits."""

import json
from collections.abc import Callable, Coroutine
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn, TypeVar

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from tallybook.server.ingest.errors import MalformedJson
from tallybook.wire.limits import BODY_BYTES_MAX, JSON_DEPTH_MAX

from .errors import BodyTooLarge

M = TypeVar("M", bound=BaseModel)
NO_BODY: Final = RequestValidationError(
    [{"type": "missing", "loc": ("body",), "msg": "Field required", "input": None}]
)
_DIGITS_MAX = 400  # of a JSON number; longer ones are refused unread


async def read_body(request: Request, *, limit: int = BODY_BYTES_MAX) -> bytes:
    """Return the body. Errors: BodyTooLarge, before more than `limit` bytes are held."""
    if hasattr(request, "_body"):
        return await request.body()
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced[:12]) > limit:
        raise BodyTooLarge(limit=limit)
    parts, size, is_more = [], 0, True
    while is_more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part, is_more = message.get("body", b""), message.get("more_body", False)
        size += len(part)
        if size > limit:
            raise BodyTooLarge(limit=limit)
        parts.append(part)
    request._body = parts[0] if len(parts) == 1 else b"".join(parts)
    return request._body


def parse_json(body: bytes) -> Any:
    """Read strict JSON: no NaN, no repeated keys, not too deep; numbers become int or Decimal.

    Errors: MalformedJson.
    """
    try:
        return json.loads(
            body.decode(),
            parse_float=_number,
            parse_int=_integer,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError:
        raise MalformedJson(reason="it is not UTF-8") from None
    except RecursionError:
        raise MalformedJson(reason=f"it is nested deeper than {JSON_DEPTH_MAX}") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise MalformedJson(reason=f"{error.msg} at {where}") from None


def _number(text: str) -> Decimal:
    if len(text) > _DIGITS_MAX:
        raise MalformedJson(reason=f"a number has more than {_DIGITS_MAX} characters")
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent that no decimal holds
        raise MalformedJson(reason="a number is out of range") from None


def _integer(text: str) -> int:
    if len(text) > _DIGITS_MAX:
        raise MalformedJson(reason=f"a number has more than {_DIGITS_MAX} characters")
    return int(text)


def _constant(text: str) -> NoReturn:
    raise MalformedJson(reason=f"{text} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise MalformedJson(reason="an object has a key twice")
    return made


def read_model(document: Any, model: type[M]) -> M | RequestValidationError:
    """Return what a JSON document says, or what is wrong as the framework has it."""
    try:
        return model.model_validate(document, from_attributes=True)  # as the framework does
    except ValidationError as error:
        return RequestValidationError(
            [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        )


def require_json(request: Request) -> None:
    """Errors: MalformedJson (the Content-Type says that it is something else)."""
    if "json" not in request.headers.get("content-type", "json"):
        raise MalformedJson(reason="the Content-Type must be application/json")


def parse_body(request: Request, body: bytes) -> Any:
    """Return the JSON of a request's body. Errors: MalformedJson."""
    document = parse_json(body)
    require_json(request)
    return document


class StrictRoute(APIRoute):
    """A route whose JSON body is read by our rules before the framework sees it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if not {"POST", "PUT", "PATCH", "DELETE"} & (self.methods or set()):
            return handle

        async def read_then_handle(request: Request) -> Response:
            body = await read_body(request)
            if body:
                request._json = parse_body(request, body)
            return await handle(request)

        return read_then_handle
