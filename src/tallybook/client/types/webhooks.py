"""What `client.webhook_endpoints` and `client.webhook_events` answer."""

from tallybook.client.responses import Result
from tallybook.wire import webhooks as wire


class WebhookEndpoint(Result, wire.WebhookEndpoint):
    """A URL that wants events."""


class WebhookEndpointWithSecret(Result, wire.WebhookEndpointWithSecret):
    """An endpoint with its new secret, which is shown this once."""


class WebhookDelivery(Result, wire.WebhookDelivery):
    """One message for one endpoint, with its attempts."""


class WebhookReplayResult(Result, wire.WebhookReplayResult):
    """How many messages will be sent again."""


class FeedEvent(Result, wire.WebhookEvent):
    """An event of the feed, in the envelope that webhooks have."""
