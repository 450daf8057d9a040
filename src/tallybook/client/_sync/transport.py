"""The one place that talks to the network: tries, waits, and says what failed."""

import os
import random
import time
from datetime import UTC, datetime
from itertools import count

import httpx2

from tallybook.client.calls import Call
from tallybook.client.errors import (
    APIError,
    ClientDisabledError,
    connection_error,
    error_from_response,
)
from tallybook.client.log import log_failure, log_response
from tallybook.client.options import ClientOptions
from tallybook.client.retries import next_delay_s

_of_parents: list[httpx2.Client] = []


class Transport:
    """Sends calls over one pool of connections. `sleep` and `chance` can be replaced."""

    def __init__(self, http: httpx2.Client, *, owned: bool) -> None:
        self.http = http
        self.owned = owned  # a client that was handed in is its owner's to close
        self.pid = os.getpid()
        self.sleep = time.sleep
        self.chance = random.random

    def shared(self) -> "Transport":
        """Return a transport on the same connections, which leaves them open."""
        other = Transport(self.http, owned=False)
        other.sleep, other.chance = self.sleep, self.chance
        return other

    def send(self, call: Call, options: ClientOptions) -> httpx2.Response:
        """Return the first success, tried again as often as the call allows.

        Errors: APIError; ClientDisabledError.
        """
        if options.disabled:
            raise ClientDisabledError(f"{call.method} {call.path}: the client is disabled")
        for retries_done in count():
            try:
                return self._try(call, options, retries_done)
            except APIError as failure:
                delay_s = next_delay_s(
                    failure,
                    retries_done=retries_done,
                    max_retries=call.max_retries,
                    chance=self.chance(),
                    now=datetime.now(UTC),
                )
                if delay_s is None:
                    raise
            self.sleep(delay_s)
        raise AssertionError("count() does not end")

    def _try(self, call: Call, options: ClientOptions, retries_done: int) -> httpx2.Response:
        request = self.http.build_request(
            call.method,
            call.url,
            params=call.params or None,
            content=call.content,
            headers=call.headers_of_try(retries_done),
            timeout=call.timeout,
        )
        started_s = time.monotonic()
        try:
            response = self.http.send(request, follow_redirects=False)
        except httpx2.RequestError as error:
            log_failure(options, call, error, time.monotonic() - started_s)
            raise connection_error(error, options.base_url) from error
        log_response(options, call, response, time.monotonic() - started_s)
        if response.is_success:
            return response
        raise error_from_response(response)

    def after_fork(self) -> None:
        """Leave the connections to the parent: two processes on one would mix their answers."""
        if self.owned and self.pid != os.getpid():
            self.pid = os.getpid()
            _of_parents.append(self.http)  # collected, it would close what the parent uses
            self.http = httpx2.Client()

    def close(self) -> None:
        if self.owned:
            self.http.close()
