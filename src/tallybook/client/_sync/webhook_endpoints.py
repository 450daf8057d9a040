"""Webhook endpoints: who is told, and what became of it."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Literal, Unpack

from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import path
from tallybook.client.types.webhooks import (
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEndpointWithSecret,
    WebhookReplayResult,
)

from .pages import Page
from .resources import Resource
from .verbs import listing, raw


class WebhookEndpoints(Resource):
    """`client.webhook_endpoints`."""

    @cached_property
    def with_raw_response(self) -> "WebhookEndpointsRaw":
        return WebhookEndpointsRaw(self)

    def create(
        self,
        *,
        url: str,
        events: Literal["all"] | Sequence[str] | NotGiven = NOT_GIVEN,
        description: str | NotGiven | None = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> WebhookEndpointWithSecret:
        """Return the new endpoint with its secret, which is shown this once.

        Errors: UnprocessableEntityError `webhook_url_refused` (not a public https address).
        """
        body = given(url=url, events=events, description=description)
        return self._write("POST", "/webhook-endpoints", WebhookEndpointWithSecret, options, body)

    def get(self, id: str, **options: Unpack[CallOptions]) -> WebhookEndpoint:
        """Return an endpoint, without its secret."""
        return self._get(path("webhook-endpoints", id), WebhookEndpoint, options)

    def update(
        self,
        id: str,
        *,
        url: str | NotGiven = NOT_GIVEN,
        events: Literal["all"] | Sequence[str] | NotGiven = NOT_GIVEN,
        description: str | NotGiven | None = NOT_GIVEN,
        status: Literal["enabled", "disabled"] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> WebhookEndpoint:
        """Return the endpoint with the given fields changed."""
        body = given(url=url, events=events, description=description, status=status)
        return self._write("PATCH", path("webhook-endpoints", id), WebhookEndpoint, options, body)

    def delete(self, id: str, **options: Unpack[WriteOptions]) -> None:
        """Delete an endpoint, with the record of what was sent to it."""
        return self._delete(path("webhook-endpoints", id), options)

    def rotate_secret(self, id: str, **options: Unpack[WriteOptions]) -> WebhookEndpointWithSecret:
        """Return the endpoint with a new secret; for 24 hours the old one signs too."""
        address = path("webhook-endpoints", id, "rotate-secret")
        return self._write("POST", address, WebhookEndpointWithSecret, options)

    def replay(
        self,
        id: str,
        *,
        message_id: str | NotGiven = NOT_GIVEN,
        since: datetime | str | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> WebhookReplayResult:
        """Send one message again, or all since a time that did not arrive; the ids stay."""
        address = path("webhook-endpoints", id, "replay")
        body = given(message_id=message_id, since=since)
        return self._write("POST", address, WebhookReplayResult, options, body)

    def test(self, id: str, **options: Unpack[WriteOptions]) -> WebhookDelivery:
        """Send `webhook_endpoint.test`; the endpoint's deliveries show what came of it."""
        address = path("webhook-endpoints", id, "test")
        return self._write("POST", address, WebhookDelivery, options)

    @listing
    def deliveries(
        self,
        id: str,
        *,
        status: Literal["pending", "succeeded", "failed"] | None = None,
        message_id: str | None = None,
        **options: Unpack[ListOptions],
    ) -> Page[WebhookDelivery]:
        """Return what was sent to an endpoint, newest first, with the attempts."""
        address = path("webhook-endpoints", id, "deliveries")
        query = {"status": status, "message_id": message_id}
        return self._list(address, WebhookDelivery, options, query)

    @listing
    def list(self, **options: Unpack[ListOptions]) -> Page[WebhookEndpoint]:
        """Return the endpoints, newest first."""
        return self._list("/webhook-endpoints", WebhookEndpoint, options)


class WebhookEndpointsRaw:
    """The verbs of `client.webhook_endpoints`, each answering an APIResponse."""

    def __init__(self, endpoints: WebhookEndpoints) -> None:
        self.create = raw(endpoints.create)
        self.get = raw(endpoints.get)
        self.update = raw(endpoints.update)
        self.delete = raw(endpoints.delete)
        self.rotate_secret = raw(endpoints.rotate_secret)
        self.replay = raw(endpoints.replay)
        self.test = raw(endpoints.test)
        self.deliveries = raw(endpoints.deliveries)
        self.list = raw(endpoints.list)
