"""What `debug=True` tells: never keys, queries or bodies."""

import logging

import httpx2

from .calls import Call
from .options import ClientOptions

logger = logging.getLogger("tallybook")


def show_debug(options: ClientOptions) -> None:
    """Let the logger pass DEBUG, unless the program has given it a level."""
    if options.debug and logger.level == logging.NOTSET:
        logger.setLevel(logging.DEBUG)


def log_response(
    options: ClientOptions, call: Call, response: httpx2.Response, took_s: float
) -> None:
    if options.debug:
        logger.debug(
            "%s %s: %d in %.0f ms (request %s)",
            call.method,
            call.path,
            response.status_code,
            took_s * 1000,
            response.headers.get("x-request-id"),
        )


def log_failure(options: ClientOptions, call: Call, error: Exception, took_s: float) -> None:
    if options.debug:
        kind = type(error).__name__
        logger.debug("%s %s: %s after %.0f ms", call.method, call.path, kind, took_s * 1000)
