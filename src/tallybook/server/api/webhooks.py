"""Webhook endpoints and the event feed over HTTP."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from tallybook.server.kernel import clock
from tallybook.server.kernel.errors import FieldError, InvalidInput
from tallybook.server.storage import Tx
from tallybook.server.webhooks import connecting, feed, service, views
from tallybook.server.webhooks.errors import (
    TooManyWebhookEndpoints,
    WebhookEndpointDisabled,
    WebhookEndpointNotFound,
    WebhookEventNotFound,
    WebhookUrlRefused,
)
from tallybook.server.webhooks.rules.addresses import Network
from tallybook.wire import webhooks as wire
from tallybook.wire.base import Page

from .bodies import StrictRoute
from .calls import Read, Write
from .pages import CursorPaging, Paging, page_request, to_page
from .problems import responses

router = APIRouter(tags=["webhooks"], route_class=StrictRoute)
ENDPOINTS = "/webhook-endpoints"
ENDPOINT = f"{ENDPOINTS}/{{endpoint_id}}"


def _allowed(request: Request) -> Sequence[Network]:
    networks: Sequence[Network] = request.app.state.webhook_networks
    return networks


def _events(choice: Literal["all"] | list[Any]) -> list[str] | None:
    return None if choice == "all" else [str(name) for name in choice]


@router.post(
    ENDPOINTS,
    response_model=wire.WebhookEndpointWithSecret,
    status_code=201,
    responses=responses(WebhookUrlRefused, TooManyWebhookEndpoints),
    operation_id="webhook_endpoints.create",
)
def create_endpoint(body: wire.WebhookEndpointCreate, write: Write) -> Response:
    """Create an endpoint; its secret is shown this once."""
    connecting.check_url(body.url, _allowed(write.request))

    def work(tx: Tx) -> wire.WebhookEndpointWithSecret:
        endpoint = service.create(
            tx,
            write.space,
            url=body.url,
            events=_events(body.events),
            description=body.description,
            at=clock.now(),
        )
        return views.with_secret(endpoint)

    return write(work, status=201)


@router.get(
    ENDPOINTS, response_model=Page[wire.WebhookEndpoint], operation_id="webhook_endpoints.list"
)
def list_endpoints(read: Read, paging: Paging) -> Response:
    """List endpoints, newest first."""
    page = page_request(read, paging)

    def work(tx: Tx) -> Page[wire.WebhookEndpoint]:
        rows = service.list_page(tx, read.space, page)
        return to_page(read, page, rows, lambda row: views.to_wire(service.from_row(row)))

    return read(work)


@router.get(
    ENDPOINT,
    response_model=wire.WebhookEndpoint,
    responses=responses(WebhookEndpointNotFound),
    operation_id="webhook_endpoints.get",
)
def get_endpoint(endpoint_id: str, read: Read) -> Response:
    """Return an endpoint, without its secret."""
    return read(lambda tx: views.to_wire(service.get(tx, read.space, endpoint_id)))


@router.patch(
    ENDPOINT,
    response_model=wire.WebhookEndpoint,
    responses=responses(WebhookEndpointNotFound, WebhookUrlRefused),
    operation_id="webhook_endpoints.update",
)
def update_endpoint(endpoint_id: str, body: wire.WebhookEndpointUpdate, write: Write) -> Response:
    """Change the given fields; `status` disables an endpoint, or enables it again."""
    fields: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    if "url" in fields:
        connecting.check_url(body.url, _allowed(write.request))
    if "events" in fields:
        fields["events"] = _events(body.events)

    def work(tx: Tx) -> wire.WebhookEndpoint:
        return views.to_wire(service.update(tx, write.space, endpoint_id, fields, at=clock.now()))

    return write(work)


@router.delete(
    ENDPOINT,
    status_code=204,
    responses=responses(WebhookEndpointNotFound),
    operation_id="webhook_endpoints.delete",
)
def delete_endpoint(endpoint_id: str, write: Write) -> Response:
    """Delete an endpoint, with the record of what was sent to it."""
    return write(lambda tx: service.remove(tx, write.space, endpoint_id))


@router.post(
    f"{ENDPOINT}/rotate-secret",
    response_model=wire.WebhookEndpointWithSecret,
    responses=responses(WebhookEndpointNotFound),
    operation_id="webhook_endpoints.rotate_secret",
)
def rotate_secret(endpoint_id: str, write: Write) -> Response:
    """Make a new secret; for 24 hours the old one signs too."""

    def work(tx: Tx) -> wire.WebhookEndpointWithSecret:
        return views.with_secret(
            service.rotate_secret(tx, write.space, endpoint_id, at=clock.now())
        )

    return write(work)


@router.get(
    f"{ENDPOINT}/deliveries",
    response_model=Page[wire.WebhookDelivery],
    responses=responses(WebhookEndpointNotFound),
    operation_id="webhook_endpoints.deliveries",
)
def list_deliveries(
    endpoint_id: str,
    read: Read,
    paging: CursorPaging,
    status: Literal["pending", "succeeded", "failed"] | None = None,
    message_id: Annotated[str | None, Query(max_length=255)] = None,
) -> Response:
    """List what was sent to an endpoint, newest first, with the attempts."""
    page = page_request(read, paging)

    def work(tx: Tx) -> Page[wire.WebhookDelivery]:
        rows, found = service.page_of_deliveries(
            tx, read.space, endpoint_id, page, status=status, message_id=message_id
        )
        return to_page(read, page, rows, lambda row: views.delivery_to_wire(found[row["id"]]))

    return read(work)


@router.post(
    f"{ENDPOINT}/replay",
    response_model=wire.WebhookReplayResult,
    responses=responses(WebhookEndpointNotFound, WebhookEventNotFound, WebhookEndpointDisabled),
    operation_id="webhook_endpoints.replay",
)
def replay(endpoint_id: str, body: wire.WebhookReplay, write: Write) -> Response:
    """Send a message again, or up to 1000 that did not arrive since a time; the ids stay."""
    if (body.message_id is None) == (body.since is None):
        detail = "give exactly one of message_id and since"
        raise InvalidInput(errors=[FieldError("", "invalid", detail)])

    def work(tx: Tx) -> wire.WebhookReplayResult:
        now, space = clock.now(), write.space
        if body.message_id is not None:
            count = service.replay_message(tx, space, endpoint_id, body.message_id, at=now)
        else:
            assert body.since is not None
            count = service.replay_since(tx, space, endpoint_id, body.since, at=now)
        return wire.WebhookReplayResult(replayed=count)

    return write(work)


@router.post(
    f"{ENDPOINT}/test",
    response_model=wire.WebhookDelivery,
    status_code=201,
    responses=responses(WebhookEndpointNotFound, WebhookEndpointDisabled),
    operation_id="webhook_endpoints.test",
)
def send_test(endpoint_id: str, write: Write) -> Response:
    """Send `webhook_endpoint.test` to this endpoint; its delivery shows what came of it."""

    def work(tx: Tx) -> wire.WebhookDelivery:
        delivery = service.send_test(tx, write.space, endpoint_id, at=clock.now())
        return views.delivery_to_wire(delivery)

    return write(work, status=201)


@router.get(
    "/webhook-events",
    response_model=Page[wire.WebhookEvent],
    responses=responses(WebhookEventNotFound),
    operation_id="webhook_events.list",
)
def list_events(
    read: Read,
    paging: CursorPaging,
    after: Annotated[str | None, Query(max_length=255)] = None,
) -> Response:
    """List the events of the last 30 days in the order of the feed, the oldest first.

    `after` is the id of the last event that was handled: nothing that commits later can come
    before it. After `latest` comes the newest event alone. `order` and `include_total` have no
    meaning here.
    """
    page = page_request(read, paging)
    if read.db.read(feed.has_unpublished):
        read.db.write_now(lambda tx: feed.publish_all(tx, now=clock.now()))

    def work(tx: Tx) -> Page[wire.WebhookEvent]:
        rows = feed.page_after(tx, read.space, page, after=after)
        project_id = read.where.project_id
        return to_page(
            read,
            page,
            rows,
            lambda row: wire.WebhookEvent(**views.envelope(row["message"], project_id)),
        )

    return read(work)
