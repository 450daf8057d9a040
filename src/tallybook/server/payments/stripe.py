"""Stripe, by its own library. A charge is made in two steps, so that none is made twice."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import stripe

from .errors import BadSignature, NotChargeable
from .models import Notice, Order, Outcome, Result, StripeKeys
from .rules.stripe_amounts import to_stripe

log = logging.getLogger("tallybook.payments")
PROVIDER: Final = "stripe"
TIMEOUT_S: Final = 30
TOLERANCE_S: Final = 300
ORDER: Final = "tallybook_order"  # in the metadata of what we make: our payment's or refund's id
_PAGE: Final = 100  # refunds of one charge, the most that Stripe lists at once
_TOLD: Final = frozenset(
    {
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.canceled",
        "charge.refund.updated",
        "refund.updated",
        "refund.failed",
    }
)
_NOT_DONE: Final = (
    stripe.AuthenticationError,
    stripe.PermissionError,
    stripe.RateLimitError,
    stripe.IdempotencyError,
)


class Stripe:
    """A gateway to one mode of a Stripe account.

    First a payment intent is made, which moves no money; when its id is kept, it is confirmed.
    An intent succeeds once in its life, so whatever is lost or repeated, at most one charge is
    made, even when Stripe has long forgotten the idempotency key.
    """

    provider = PROVIDER

    def __init__(self, keys: StripeKeys, *, timeout_s: int = TIMEOUT_S) -> None:
        stripe.enable_telemetry = False
        self._secrets = keys.webhook_secrets
        self._http = stripe.RequestsClient(timeout=timeout_s)
        self._client = stripe.StripeClient(
            keys.secret_key,
            http_client=self._http,
            max_network_retries=0,  # the worker asks again, and writes that down
            base_addresses={"api": keys.url} if keys.url else {},
        )

    def prepare(self, order: Order) -> Outcome:
        """Make the payment intent; a lost answer is no loss, for no money moves."""
        try:
            amount = to_stripe(order.amount, order.currency)
        except NotChargeable as error:
            return Outcome(Result.DECLINED, error.message)
        assert order.provider_customer_id is not None
        assert order.provider_method_id is not None
        params: stripe.params.PaymentIntentCreateParams = {
            "amount": amount,
            "currency": order.currency.lower(),
            "customer": order.provider_customer_id,
            "payment_method": order.provider_method_id,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "metadata": {ORDER: order.id},
            "description": f"Payment {order.id}",
        }

        def make() -> Outcome:
            made = self._client.v1.payment_intents.create(params, {"idempotency_key": order.id})
            return Outcome(Result.WAITING, reference=made.id)

        outcome = _asked(make)
        return Outcome(Result.WAITING, outcome.reason) if outcome.result is Result.LOST else outcome

    def charge(self, order: Order) -> Outcome:
        """Confirm the intent, unless an attempt before has got somewhere."""
        assert order.reference is not None
        intents, reference = self._client.v1.payment_intents, order.reference

        def find() -> Outcome:
            intent = intents.retrieve(reference)
            found = _of_intent(intent, order)
            return _asked(confirm) if found is None else found

        def confirm() -> Outcome:
            key = f"{order.id}:confirm:{order.attempts}"
            try:
                intent = intents.confirm(reference, {"off_session": True}, {"idempotency_key": key})
            except stripe.InvalidRequestError as error:
                if error.code != "payment_intent_unexpected_state":
                    raise
                intent = intents.retrieve(reference)  # somebody else has confirmed it
            found = _of_intent(intent, order)
            return Outcome(Result.WAITING, "Stripe has not begun it") if found is None else found

        return _asked(confirm if order.attempts == 1 else find)

    def refund(self, order: Order) -> Outcome:
        """Give money back; before it is asked again, look whether it was done."""
        try:
            amount = to_stripe(order.amount, order.currency)
        except NotChargeable as error:
            return Outcome(Result.DECLINED, error.message)
        refunds = self._client.v1.refunds
        charge = order.charge_reference or ""

        def ask() -> Outcome:
            done = None if order.attempts == 1 else self._find_refund(order, charge)
            if done is None:
                done = refunds.create(
                    {"payment_intent": charge, "amount": amount, "metadata": {ORDER: order.id}},
                    {"idempotency_key": order.id},
                )
            return _of_refund(done, order)

        return _asked(ask)

    def _find_refund(self, order: Order, charge: str) -> stripe.Refund | None:
        refunds = self._client.v1.refunds
        if order.reference is not None:
            return refunds.retrieve(order.reference)
        made = refunds.list({"payment_intent": charge, "limit": _PAGE})
        mine = (one for one in made.auto_paging_iter() if _order_id(one) == order.id)
        return next(mine, None)

    def read_notice(self, body: bytes, signature: str | None) -> Notice | None:
        """Check a webhook against each secret. Errors: BadSignature."""
        event = self._checked(body, signature, self._secrets)
        thing = event.data.object
        order_id = _order_id(thing)
        if event.type not in _TOLD or order_id is None:
            return None
        return Notice(event.id, order_id, thing)

    def _checked(self, body: bytes, signature: str | None, secrets: Sequence[str]) -> stripe.Event:
        for secret in secrets:
            try:
                return self._client.construct_event(body, signature, secret, TOLERANCE_S)
            except (stripe.SignatureVerificationError, ValueError):
                continue
        raise BadSignature()

    def judge(self, order: Order, notice: Notice) -> Outcome:
        if isinstance(notice.thing, stripe.PaymentIntent):
            found = _of_intent(notice.thing, order)
            return Outcome(Result.WAITING) if found is None else found
        return _of_refund(notice.thing, order)

    def close(self) -> None:
        self._http.close()  # type: ignore[no-untyped-call]


def _asked(ask: Callable[[], Outcome]) -> Outcome:
    """Return what Stripe said; an error is an outcome too."""
    try:
        return ask()
    except stripe.CardError as error:
        return Outcome(Result.DECLINED, _said(error))
    except _NOT_DONE as error:
        return Outcome(Result.WAITING, _said(error))
    except stripe.InvalidRequestError as error:
        return Outcome(Result.DECLINED, _said(error))
    except stripe.StripeError as error:
        return Outcome(Result.LOST, _said(error))


def _said(error: stripe.StripeError) -> str:
    text = error.user_message or type(error).__name__
    code = getattr(error.error, "decline_code", None) or error.code
    return f"{text} ({code})" if code else text


def _order_id(thing: Any) -> str | None:
    """Return what we call a thing that we made."""
    found: str | None = getattr(getattr(thing, "metadata", None), ORDER, None)
    return found


def _of_intent(intent: stripe.PaymentIntent, order: Order) -> Outcome | None:
    """Return what became of an intent; None while nobody has confirmed it."""
    match intent.status:
        case "succeeded":
            return _checked_amount(intent.id, intent.amount_received, intent.currency, order)
        case "requires_confirmation":
            return None
        case "requires_payment_method" | "requires_action" | "canceled":
            error = intent.last_payment_error
            text = getattr(error, "message", None)
            code = getattr(error, "decline_code", None) or getattr(error, "code", None)
            said = text or f"Stripe says {intent.status}"
            return Outcome(Result.DECLINED, f"{said} ({code})" if code else said, intent.id)
        case _:
            return Outcome(Result.WAITING, reference=intent.id)


def _of_refund(refund: stripe.Refund, order: Order) -> Outcome:
    match refund.status:
        case "succeeded":
            return _checked_amount(refund.id, refund.amount, refund.currency, order)
        case "failed" | "canceled":
            reason = getattr(refund, "failure_reason", None) or f"Stripe says {refund.status}"
            return Outcome(Result.DECLINED, reason, refund.id)
        case _:
            return Outcome(Result.WAITING, reference=refund.id)


def _checked_amount(reference: str, units: int, currency: str, order: Order) -> Outcome:
    """Never call something done that is not what was asked for."""
    if (units, currency.upper()) == (to_stripe(order.amount, order.currency), order.currency):
        return Outcome(Result.SUCCEEDED, reference=reference)
    log.error("%s: Stripe moved %s %s, which is not what was asked", order.id, units, currency)
    return Outcome(Result.LOST, "Stripe moved another amount", reference)
