"""Which HTTP status an error has, and how it is told (RFC 9457)."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from msgspec.json import encode
from starlette.exceptions import HTTPException

from tallybook.server.kernel import errors
from tallybook.wire.base import Problem

log = logging.getLogger("tallybook.server")

STATUS: Final[Mapping[type[errors.Refusal], int]] = {
    errors.Malformed: 400,
    errors.Unauthorized: 401,
    errors.PaymentRequired: 402,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.InvalidInput: 422,
    errors.Limited: 429,
    errors.Unavailable: 503,
}
RETRY_AFTER_S: Final = 1
_ROUTING_CODES: Final = {404: "route_not_found", 405: "method_not_allowed"}


def status_of(refusal: errors.Refusal) -> int:
    for kind in type(refusal).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return 500


def problem(
    request_id: str,
    path: str,
    *,
    status: int,
    code: str,
    detail: str,
    errors: Iterable[errors.FieldError] = (),
    extensions: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem document."""
    document = {
        **{name: _plain(value) for name, value in (extensions or {}).items()},
        "type": f"urn:tallybook:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "instance": path,
        "request_id": request_id,
        "errors": [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in errors],
    }
    return Response(
        encode(document),
        status_code=status,
        media_type="application/problem+json",
        headers=dict(headers or {}),
    )


def from_refusal(refusal: errors.Refusal, request_id: str, path: str) -> Response:
    status = status_of(refusal)
    headers = {}
    if refusal.retryable:
        headers["Retry-After"] = str(refusal.details.get("retry_after", RETRY_AFTER_S))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(
        request_id,
        path,
        status=status,
        code=refusal.code,
        detail=_detail(refusal),
        errors=refusal.errors,
        extensions=refusal.details,
        headers=headers,
    )


def invalid(request: Request, error: RequestValidationError) -> Response:
    fields = [_field_error(item) for item in error.errors()]
    return problem(
        request.state.request_id,
        request.url.path,
        status=422,
        code="validation_failed",
        detail=_summary(fields) or "The request has wrong values.",
        errors=fields[:100],
    )


def broken(request: Request, error: Exception) -> Response:
    """Log a failure of ours, and return how it is told."""
    log.error(
        "%s %s failed (%s)",
        request.method,
        request.url.path,
        request.state.request_id,
        exc_info=error,
    )
    return problem(
        request.state.request_id,
        request.url.path,
        status=500,
        code="internal_error",
        detail="The server failed; nothing was written. The log has the request id.",
    )


def _detail(refusal: errors.Refusal) -> str:
    """Say which fields are wrong, where the refusal itself says no more than that some are."""
    if type(refusal) is not errors.InvalidInput or not refusal.errors:
        return refusal.message
    return _summary(refusal.errors)


def _summary(fields: Sequence[errors.FieldError]) -> str:
    return "; ".join(f"{field.pointer or 'body'}: {field.detail}" for field in fields[:3])


def responses(*kinds: type[errors.Refusal]) -> dict[int | str, dict[str, Any]]:
    """Document the refusals of a route, beside the ones every route has."""
    documented: dict[int | str, dict[str, Any]] = {}
    always: tuple[type[errors.Refusal], ...] = (
        errors.Unauthorized,
        errors.Forbidden,
        errors.InvalidInput,
    )
    every: tuple[type[errors.Refusal], ...] = (*always, *kinds)
    for kind in every:
        status = next(STATUS[base] for base in kind.__mro__ if base in STATUS)
        documented[status] = {
            "description": HTTPStatus(status).phrase,
            "content": {
                "application/problem+json": {
                    "schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}
                }
            },
        }
    return documented


def pointer(location: Iterable[str | int]) -> str:
    """Return the JSON pointer of a field of the body, or `?name` of a parameter."""
    where, *parts = location
    if where == "body":
        escaped = (str(p).replace("~", "~0").replace("/", "~1") for p in parts)
        return "".join(f"/{part}" for part in escaped)
    return f"?{parts[0]}" if where == "query" and parts else f"#{'/'.join(map(str, parts))}"


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem document."""

    @app.exception_handler(errors.Refusal)
    async def _refused(request: Request, error: errors.Refusal) -> Response:
        return from_refusal(error, request.state.request_id, request.url.path)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        return invalid(request, error)

    @app.exception_handler(HTTPException)
    async def _routing(request: Request, error: HTTPException) -> Response:
        return problem(
            request.state.request_id,
            request.url.path,
            status=error.status_code,
            code=_ROUTING_CODES.get(error.status_code, "malformed"),
            detail=f"{error.detail}: see /api/v1/openapi.json for what there is.",
            headers=error.headers,
        )

    @app.exception_handler(Exception)
    async def _broken(request: Request, error: Exception) -> Response:
        return broken(request, error)


def _field_error(item: Mapping[str, Any]) -> errors.FieldError:
    kind = str(item["type"])
    code = {"extra_forbidden": "unknown_field", "missing": "missing"}.get(kind, "invalid")
    detail = str(item["msg"]).removeprefix("Value error, ")
    return errors.FieldError(pointer(item["loc"]), code, detail[:300])


def _plain(value: Any) -> Any:
    if isinstance(value, str | int | bool) or value is None:
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value)
