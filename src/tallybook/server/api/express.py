"""The short way of what is asked very often: past the router, to handlers that read themselves."""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from tallybook.server.kernel.errors import Refusal

from .calls import json_response
from .middleware import HEADERS, identify, with_headers
from .problems import broken, from_refusal, invalid


class Json(NamedTuple):
    """An answer that is a JSON document."""

    body: bytes
    status: int = 200
    replayed: bool = False


Handler = Callable[[Request], Coroutine[Any, Any, Response | Json]]


class _Headers(Headers):
    """Headers that are asked for one after the other: decoded once, each name's first."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(raw=scope["headers"])
        self._first = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in reversed(scope["headers"])
        }

    def get(self, key: str, default: Any = None) -> Any:
        return self._first.get(key.lower(), default)


class RawRoute(APIRoute):
    """A documented route whose handler reads the request itself."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler: Handler = self.endpoint.handle  # type: ignore[attr-defined]

        async def handle(request: Request) -> Response:
            answer = await handler(request)
            if isinstance(answer, Response):
                return answer
            return json_response(answer.body, answer.status, replayed=answer.replayed)

        return handle


def handled_by(handle: Handler) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let `handle` answer the route that the decorated signature documents."""

    def decorate(documented: Callable[..., Any]) -> Callable[..., Any]:
        documented.handle = handle  # type: ignore[attr-defined]
        return documented

    return decorate


def handlers(routers: Iterable[APIRouter], prefix: str) -> dict[tuple[str, str], Handler]:
    """Return the handlers of raw routes whose paths have no parameters, by method and path."""
    return {
        (method, prefix + route.path): route.endpoint.handle  # type: ignore[attr-defined]
        for router in routers
        for route in router.routes
        if isinstance(route, RawRoute) and not route.param_convertors
        for method in route.methods or ()
    }


class Application(FastAPI):
    """The application, with a short way to the handlers of what is asked very often.

    The framework wraps each request in layers that these do not need, and tries its routes in
    turn. A handler answers a Response, or a Json.
    """

    express: Mapping[tuple[str, str], Handler] = MappingProxyType({})
    express_routes: Sequence[RawRoute] = ()  # those whose paths have parameters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handle = None
        if scope["type"] == "http":
            handle = self.express.get((scope["method"], scope["path"])) or self._matched(scope)
        if handle is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        request_id = identify(scope)
        request = Request(scope, receive, send)
        request._headers = _Headers(scope)
        answer = await self._answer(handle, request)
        if isinstance(answer, Json):
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(answer.body)),
                (b"x-request-id", request_id.encode()),
                *HEADERS,
            ]
            if answer.replayed:
                headers.append((b"idempotent-replayed", b"true"))
            start = {"type": "http.response.start", "status": answer.status, "headers": headers}
            await send(start)
            await send({"type": "http.response.body", "body": answer.body})
        else:
            await answer(scope, receive, with_headers(send, request_id))

    def _matched(self, scope: Scope) -> Handler | None:
        """Return the handler of the raw route whose path this is, which finds its parameters."""
        for route in self.express_routes:
            match, child_scope = route.matches(scope)
            if match is Match.FULL:
                scope.update(child_scope)
                handle: Handler = route.endpoint.handle  # type: ignore[attr-defined]
                return handle
        return None

    async def _answer(self, handle: Handler, request: Request) -> Response | Json:
        try:
            return await handle(request)
        except Refusal as refusal:
            return from_refusal(refusal, request.state.request_id, request.url.path)
        except RequestValidationError as error:
            return invalid(request, error)
        except Exception as error:  # noqa: BLE001 - what the outermost layer would do
            return broken(request, error)
