"""Costs, as answers show them."""

from decimal import Decimal

from tallybook.wire import costs as wire

from .models import Cost, ModelPrice


def to_wire(cost: Cost) -> wire.Cost:
    tokens = cost.tokens
    return wire.Cost(
        id=cost.id,
        timestamp=cost.at,
        received_at=cost.received_at,
        customer_id=cost.customer_id,
        customer_external_id=cost.customer_external_id,
        agent_id=cost.agent_id,
        action_id=cost.action_id,
        meter_id=cost.meter_id,
        event_id=cost.event_id,
        amount=cost.amount,
        currency=cost.currency,
        category=cost.category.value,
        source=cost.source.value,
        status=cost.status.value,
        reason=cost.reason,
        attribution=cost.attribution.value,
        provider=cost.provider,
        model=cost.model,
        response_id=cost.response_id,
        adjusts=cost.adjusts,
        tokens=None if tokens is None else wire.Tokens(**tokens),
        price=None if cost.price is None else dict(cost.price),
        idempotency_key=cost.key.removeprefix("api "),
        metadata=dict(cost.metadata),
    )


def price_to_wire(price: ModelPrice) -> wire.ModelPrice:
    named: dict[str, Decimal] = dict(price.prices)
    return wire.ModelPrice(
        id=price.id,
        provider=price.provider,
        model=price.model,
        prices=wire.TokenPrices(**named),
        alias_of=price.alias_of,
        effective_from=price.effective_from,
        effective_to=price.effective_to,
        origin="own",
        created_at=price.created_at,
        updated_at=price.updated_at,
    )
