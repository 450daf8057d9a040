"""What payment providers tell of their own accord: signed, without an API key."""

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from tallybook.server.billing import charge
from tallybook.server.identity.models import Mode
from tallybook.server.kernel import clock
from tallybook.server.payments.errors import BadSignature, ProviderNotConfigured
from tallybook.server.payments.models import Gateway, Notice
from tallybook.wire.payments import ProviderEvent

from .bodies import read_body
from .express import RawRoute, handled_by
from .problems import responses

router = APIRouter(prefix="/providers", tags=["payments"], route_class=RawRoute)


def _recognize(request: Request, body: bytes) -> tuple[Mode, Gateway, Notice | None]:
    """Return whose signature it bears, and what it tells. Errors: BadSignature."""
    gateways: dict[Mode, Gateway] = request.app.state.gateways
    if not gateways:
        raise ProviderNotConfigured(provider="stripe", setting="TALLYBOOK_STRIPE_WEBHOOK_SECRET")
    signature = request.headers.get("stripe-signature")
    for mode, gateway in gateways.items():
        try:
            return mode, gateway, gateway.read_notice(body, signature)
        except BadSignature:
            continue
    raise BadSignature()


async def _take(request: Request) -> Response:
    body = await read_body(request)

    def work() -> None:
        mode, gateway, notice = _recognize(request, body)
        if notice is not None:
            db, now = request.app.state.db, clock.now()
            db.write_now(lambda tx: charge.take_notice(tx, gateway, mode, notice, now=now))

    await run_in_threadpool(work)
    return Response(b"{}", media_type="application/json")


@router.post(
    "/stripe/webhook",
    response_model=dict[str, Any],
    responses=responses(BadSignature, ProviderNotConfigured),
    operation_id="providers.stripe_webhook",
)
@handled_by(_take)
def stripe_webhook(body: ProviderEvent) -> None:
    """Take an event of Stripe's, checked by its `Stripe-Signature`; told twice, it is taken once.

    It needs no API key. Events of what Tallybook did not make are answered and left alone.
    """
