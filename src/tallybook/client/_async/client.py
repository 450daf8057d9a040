"""The client: options, one pool of connections, and the resources."""

from dataclasses import replace
from functools import cached_property
from os import PathLike
from types import TracebackType
from typing import Self

import httpx2

from tallybook.client.errors import ConfigurationError
from tallybook.client.log import show_debug
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import (
    DEFAULT_FLUSH_AT,
    DEFAULT_FLUSH_INTERVAL_S,
    DEFAULT_MAX_BATCH_SIZE,
    DEFAULT_MAX_QUEUE_SIZE,
    DEFAULT_MAX_RETRIES,
    DEFAULT_REQUEST_TIMEOUT_S,
    DEFAULT_SHUTDOWN_TIMEOUT_S,
    DEFAULT_TIMEOUT_S,
    ClientOptions,
    Headers,
    OnError,
    OnOverflow,
    Redact,
    TimeoutInput,
)
from tallybook.client.webhooks.bound import Webhooks

from .access import AsyncAccess
from .agents import AsyncAgents
from .balances import AsyncBalances
from .budgets import AsyncBudgets
from .contracts import AsyncContracts
from .costs import AsyncCosts
from .credit_notes import AsyncCreditNotes
from .customers import AsyncCustomers
from .events import AsyncEvents
from .holds import AsyncHolds
from .invoices import AsyncInvoices
from .margins import AsyncMargins
from .markets import AsyncMarkets
from .meters import AsyncMeters
from .model_prices import AsyncModelPrices
from .payments import AsyncPayments
from .plans import AsyncPlans
from .pricing import AsyncPricing
from .rehearsals import AsyncRehearsals
from .seller import AsyncSellerResource
from .subscriptions import AsyncSubscriptions
from .test_clock import AsyncTestClockResource
from .tracking import AsyncTracking
from .transport import AsyncTransport
from .usage import AsyncUsage
from .wallets import AsyncWallets
from .webhook_endpoints import AsyncWebhookEndpoints
from .webhook_events import AsyncWebhookEvents


class AsyncTallybook(AsyncTracking):
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
        flush_at: int = DEFAULT_FLUSH_AT,
        flush_interval: float = DEFAULT_FLUSH_INTERVAL_S,
        max_batch_size: int = DEFAULT_MAX_BATCH_SIZE,
        max_queue_size: int = DEFAULT_MAX_QUEUE_SIZE,
        on_overflow: OnOverflow = "drop_oldest",
        shutdown_timeout: float = DEFAULT_SHUTDOWN_TIMEOUT_S,
        request_timeout: TimeoutInput = DEFAULT_REQUEST_TIMEOUT_S,
        spool: str | PathLike[str] | None = None,
        redact: Redact | None = None,
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
            flush_at=flush_at,
            flush_interval=flush_interval,
            max_batch_size=max_batch_size,
            max_queue_size=max_queue_size,
            on_overflow=on_overflow,
            shutdown_timeout=shutdown_timeout,
            request_timeout=request_timeout,
            spool=spool,
            redact=redact,
        )
        if http_client is not None and not isinstance(http_client, httpx2.AsyncClient):
            raise ConfigurationError("http_client must be an httpx2.AsyncClient")
        show_debug(self.options)
        owned = http_client is None
        self.transport = AsyncTransport(http_client or httpx2.AsyncClient(), owned=owned)
        self._start_tracking()

    @cached_property
    def customers(self) -> AsyncCustomers:
        return AsyncCustomers(self)

    @cached_property
    def access(self) -> AsyncAccess:
        return AsyncAccess(self)

    @cached_property
    def holds(self) -> AsyncHolds:
        return AsyncHolds(self)

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
    def budgets(self) -> AsyncBudgets:
        return AsyncBudgets(self)

    @cached_property
    def costs(self) -> AsyncCosts:
        return AsyncCosts(self)

    @cached_property
    def model_prices(self) -> AsyncModelPrices:
        return AsyncModelPrices(self)

    @cached_property
    def margins(self) -> AsyncMargins:
        return AsyncMargins(self)

    @cached_property
    def payments(self) -> AsyncPayments:
        return AsyncPayments(self)

    @cached_property
    def invoices(self) -> AsyncInvoices:
        return AsyncInvoices(self)

    @cached_property
    def credit_notes(self) -> AsyncCreditNotes:
        return AsyncCreditNotes(self)

    @cached_property
    def rehearsals(self) -> AsyncRehearsals:
        return AsyncRehearsals(self)

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
    def seller(self) -> AsyncSellerResource:
        return AsyncSellerResource(self)

    @cached_property
    def test_clock(self) -> AsyncTestClockResource:
        return AsyncTestClockResource(self)

    @cached_property
    def subscriptions(self) -> AsyncSubscriptions:
        return AsyncSubscriptions(self)

    @cached_property
    def contracts(self) -> AsyncContracts:
        return AsyncContracts(self)

    @cached_property
    def webhook_endpoints(self) -> AsyncWebhookEndpoints:
        return AsyncWebhookEndpoints(self)

    @cached_property
    def webhook_events(self) -> AsyncWebhookEvents:
        return AsyncWebhookEvents(self)

    @cached_property
    def webhooks(self) -> Webhooks:
        return Webhooks(self.options.webhook_secret)

    @property
    def webhook_secret(self) -> str | None:
        """What `client.webhooks` verifies with."""
        return self.options.webhook_secret

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
        """Return a client with these options changed, on the same connections and queue."""
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
        other._tracker = self._tracker
        return other

    async def close(self) -> None:
        """Shut down, unless the queue and the connections are another client's."""
        if self._tracker.client is self:
            await self.shutdown()

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
