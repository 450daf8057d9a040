"""The short way of what is asked very often: past the router, to handlers that read themselves."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from tallybook.server.kernel.errors import Refusal

from .problems import from_refusal, invalid

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class RawRoute(APIRoute):
    """A documented route whose handler reads the request itself."""

    def get_route_handler(self) -> Handler:
        handler: Handler = self.endpoint.handle  # type: ignore[attr-defined]
        return handler


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


class Express:
    """Answers what it has a handler for, and leaves the rest to the router.

    The router tries its routes in turn, and wraps each request in layers that these do not need.
    """

    def __init__(self, app: ASGIApp, handlers: Mapping[tuple[str, str], Handler]) -> None:
        self.app = app
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handle = None
        if scope["type"] == "http":
            handle = self._handlers.get((scope["method"], scope["path"]))
        if handle is None:
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response = await handle(request)
        except Refusal as refusal:
            response = from_refusal(refusal, request.state.request_id, request.url.path)
        except RequestValidationError as error:
            response = invalid(request, error)
        await response(scope, receive, send)
