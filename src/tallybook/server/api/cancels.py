"""What the cancels of subscriptions and of contracts have in common."""

from tallybook.server.billing.cancel import Canceled, CancelOrder
from tallybook.server.billing.refund import Destination
from tallybook.server.billing.rules.refunds import RefundType
from tallybook.wire import contracts as wire


def cancel_order(body: wire.Cancel) -> CancelOrder:
    return CancelOrder(
        at_once=body.when == "immediate",
        refund=RefundType(body.refund),
        refund_to=Destination(body.refund_to),
        reason=body.reason,
        on=body.cancellation_date,
    )


def refund_view(done: Canceled) -> wire.CancelRefund:
    return wire.CancelRefund(
        amount=done.amount,
        currency=done.subscription.currency,
        destination=done.destination.value,
    )
