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

from .access import Access
from .agents import Agents
from .balances import Balances
from .budgets import Budgets
from .contracts import Contracts
from .costs import Costs
from .credit_notes import CreditNotes
from .customers import Customers
from .events import Events
from .holds import Holds
from .invoices import Invoices
from .margins import Margins
from .markets import Markets
from .meters import Meters
from .model_prices import ModelPrices
from .payments import Payments
from .plans import Plans
from .pricing import Pricing
from .rehearsals import Rehearsals
from .seller import SellerResource
from .subscriptions import Subscriptions
from .test_clock import TestClockResource
from .tracking import Tracking
from .transport import Transport
from .usage import Usage
from .wallets import Wallets
from .webhook_endpoints import WebhookEndpoints
from .webhook_events import WebhookEvents


class Tallybook(Tracking):
    """A project's customers, catalog, usage and invoices, over HTTP.

    Errors: ConfigurationError, for options that cannot work; an empty key above all.
    """

    options: ClientOptions
    transport: Transport

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
        http_client: httpx2.Client | None = None,
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
        if http_client is not None and not isinstance(http_client, httpx2.Client):
            raise ConfigurationError("http_client must be an httpx2.Client")
        show_debug(self.options)
        owned = http_client is None
        self.transport = Transport(http_client or httpx2.Client(), owned=owned)
        self._start_tracking()

    @cached_property
    def customers(self) -> Customers:
        return Customers(self)

    @cached_property
    def access(self) -> Access:
        return Access(self)

    @cached_property
    def holds(self) -> Holds:
        return Holds(self)

    @cached_property
    def usage(self) -> Usage:
        return Usage(self)

    @cached_property
    def events(self) -> Events:
        return Events(self)

    @cached_property
    def wallets(self) -> Wallets:
        return Wallets(self)

    @cached_property
    def budgets(self) -> Budgets:
        return Budgets(self)

    @cached_property
    def costs(self) -> Costs:
        return Costs(self)

    @cached_property
    def model_prices(self) -> ModelPrices:
        return ModelPrices(self)

    @cached_property
    def margins(self) -> Margins:
        return Margins(self)

    @cached_property
    def payments(self) -> Payments:
        return Payments(self)

    @cached_property
    def invoices(self) -> Invoices:
        return Invoices(self)

    @cached_property
    def credit_notes(self) -> CreditNotes:
        return CreditNotes(self)

    @cached_property
    def rehearsals(self) -> Rehearsals:
        return Rehearsals(self)

    @cached_property
    def agents(self) -> Agents:
        return Agents(self)

    @cached_property
    def balances(self) -> Balances:
        return Balances(self)

    @cached_property
    def markets(self) -> Markets:
        return Markets(self)

    @cached_property
    def meters(self) -> Meters:
        return Meters(self)

    @cached_property
    def plans(self) -> Plans:
        return Plans(self)

    @cached_property
    def pricing(self) -> Pricing:
        return Pricing(self)

    @cached_property
    def seller(self) -> SellerResource:
        return SellerResource(self)

    @cached_property
    def test_clock(self) -> TestClockResource:
        return TestClockResource(self)

    @cached_property
    def subscriptions(self) -> Subscriptions:
        return Subscriptions(self)

    @cached_property
    def contracts(self) -> Contracts:
        return Contracts(self)

    @cached_property
    def webhook_endpoints(self) -> WebhookEndpoints:
        return WebhookEndpoints(self)

    @cached_property
    def webhook_events(self) -> WebhookEvents:
        return WebhookEvents(self)

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

    def close(self) -> None:
        """Shut down, unless the queue and the connections are another client's."""
        if self._tracker.client is self:
            self.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.options.base_url}>"
