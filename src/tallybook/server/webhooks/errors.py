"""How webhooks say no."""

from tallybook.server.kernel.errors import Conflict, FieldError, InvalidInput, NotFound


class WebhookEndpointNotFound(NotFound):
    """There is no such webhook endpoint."""

    code = "webhook_endpoint_not_found"


class WebhookEventNotFound(NotFound):
    """There is no such event; events are kept for 30 days."""

    code = "webhook_event_not_found"


class WebhookEndpointDisabled(Conflict):
    """The endpoint is disabled: set its status to `enabled` first."""

    code = "webhook_endpoint_disabled"


class TooManyWebhookEndpoints(Conflict):
    """A space has at most {limit} webhook endpoints."""

    code = "too_many_webhook_endpoints"


class WebhookUrlRefused(InvalidInput):
    """Webhooks are not sent to this URL: {reason}."""

    code = "webhook_url_refused"

    def __init__(self, *, reason: str) -> None:
        super().__init__(errors=[FieldError("/url", "refused", reason)], reason=reason)
