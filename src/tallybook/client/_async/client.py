"""The client: options, one pool of connections, and the resources."""

from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import Self

import httpx2

from tallybook.client.errors import ConfigurationError
from tallybook.client.log import show_debug
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import (
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT_S,
    ClientOptions,
    Headers,
    OnError,
    TimeoutInput,
)

from .agents import AsyncAgents
from .balances import AsyncBalances
from .contracts import AsyncContracts
from .customers import AsyncCustomers
from .events import AsyncEvents
from .invoices import AsyncInvoices
from .markets import AsyncMarkets
from .meters import AsyncMeters
from .payments import AsyncPayments
from .plans import AsyncPlans
from .pricing import AsyncPricing
from .subscriptions import AsyncSubscriptions
from .test_clock import AsyncTestClockResource
from .transport import AsyncTransport
from .usage import AsyncUsage
from .wallets import AsyncWallets


class AsyncTallybook:
    """A project's customers, catalog, usage and invoices, over HTTP.

    Errors: ConfigurationError, for options that cannot work; an empty key above all.
    """

    options: ClientOptions
    transport: AsyncTransport

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: TimeoutInput = DEFAULT_TIMEOUT_S,
        max_retries: int = DEFAULT_MAX_RETRIES,
        disabled: bool = False,
        debug: bool = False,
        on_error: OnError | None = None,
        http_client: httpx2.AsyncClient | None = None,
        default_headers: Headers | None = None,
        webhook_secret: str | None = None,
        project_id: str | None = None,
    ) -> None:
        self.options = ClientOptions.resolve(
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
            disabled=disabled,
            debug=debug,
            on_error=on_error,
            default_headers=dict(default_headers or {}),
            webhook_secret=webhook_secret,
            project_id=project_id,
        )
        if http_client is not None and not isinstance(http_client, httpx2.AsyncClient):
            raise ConfigurationError("http_client must be an httpx2.AsyncClient")
        show_debug(self.options)
        owned = http_client is None
        self.transport = AsyncTransport(http_client or httpx2.AsyncClient(), owned=owned)

    @cached_property
    def customers(self) -> AsyncCustomers:
        return AsyncCustomers(self)

    @cached_property
    def usage(self) -> AsyncUsage:
        return AsyncUsage(self)

    @cached_property
    def events(self) -> AsyncEvents:
        return AsyncEvents(self)

    @cached_property
    def wallets(self) -> AsyncWallets:
        return AsyncWallets(self)

    @cached_property
    def payments(self) -> AsyncPayments:
        return AsyncPayments(self)

    @cached_property
    def invoices(self) -> AsyncInvoices:
        return AsyncInvoices(self)

    @cached_property
    def agents(self) -> AsyncAgents:
        return AsyncAgents(self)

    @cached_property
    def balances(self) -> AsyncBalances:
        return AsyncBalances(self)

    @cached_property
    def markets(self) -> AsyncMarkets:
        return AsyncMarkets(self)

    @cached_property
    def meters(self) -> AsyncMeters:
        return AsyncMeters(self)

    @cached_property
    def plans(self) -> AsyncPlans:
        return AsyncPlans(self)

    @cached_property
    def pricing(self) -> AsyncPricing:
        return AsyncPricing(self)

    @cached_property
    def test_clock(self) -> AsyncTestClockResource:
        return AsyncTestClockResource(self)

    @cached_property
    def subscriptions(self) -> AsyncSubscriptions:
        return AsyncSubscriptions(self)

    @cached_property
    def contracts(self) -> AsyncContracts:
        return AsyncContracts(self)

    def with_options(
        self,
        *,
        timeout: TimeoutInput | NotGiven = NOT_GIVEN,
        max_retries: int | NotGiven = NOT_GIVEN,
        disabled: bool | NotGiven = NOT_GIVEN,
        debug: bool | NotGiven = NOT_GIVEN,
        on_error: OnError | NotGiven | None = NOT_GIVEN,
        default_headers: Headers | NotGiven = NOT_GIVEN,
        webhook_secret: str | NotGiven | None = NOT_GIVEN,
        project_id: str | NotGiven | None = NOT_GIVEN,
    ) -> Self:
        """Return a client with these options changed, on the same connections."""
        changed = given(
            timeout=timeout,
            max_retries=max_retries,
            disabled=disabled,
            debug=debug,
            on_error=on_error,
            default_headers=default_headers,
            webhook_secret=webhook_secret,
            project_id=project_id,
        )
        other = object.__new__(type(self))
        other.options = replace(self.options, **changed)
        show_debug(other.options)
        other.transport = self.transport.shared()
        return other

    async def close(self) -> None:
        """Close the connections, unless they came with http_client or are another client's."""
        await self.transport.close()

    aclose = close  # async only

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.options.base_url}>"
