"""The catalog, as answers show it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from tallybook.server.kernel.money import minor_units, quantize_money
from tallybook.server.metering.views import meter_to_wire
from tallybook.server.rating.rules.shape import terms_of
from tallybook.wire import agents as agents_wire
from tallybook.wire import plans as wire
from tallybook.wire import pricing as pricing_wire
from tallybook.wire.balances import Balance as WireBalance
from tallybook.wire.markets import Market as WireMarket
from tallybook.wire.prices import Estimate, EstimateSlice

from .models import (
    Agent,
    AgentAction,
    Balance,
    Market,
    MeterPrice,
    Plan,
    PlanCharge,
    PlanOffer,
    PlanPrice,
)
from .rules.estimates import Estimated
from .rules.tiers import tiers_of

_WARNINGS: Final = {
    "copied_across_currencies": "The meter prices were copied from another currency, "
    "numbers as they are: check each.",
}


def market_to_wire(market: Market) -> WireMarket:
    return WireMarket(
        id=market.id,
        key=market.key,
        name=market.name,
        currency=market.currency,
        is_default=market.is_default,
        created_at=market.created_at,
        updated_at=market.updated_at,
    )


def balance_to_wire(balance: Balance, *, wallet_count: int, wallet_total: Decimal) -> WireBalance:
    return WireBalance(
        id=balance.id,
        currency=balance.currency,
        name=balance.currency,
        minor_units=minor_units(balance.currency),
        is_default=balance.is_default,
        wallet_count=wallet_count,
        wallet_total=_money(quantize_money(wallet_total, balance.currency)),
        created_at=balance.created_at,
        updated_at=balance.updated_at,
    )


def plan_to_wire(plan: Plan) -> wire.Plan:
    return wire.Plan(
        id=plan.id,
        key=plan.key,
        name=plan.name,
        description=plan.description,
        target_audience=plan.target_audience.value,
        currency=plan.currency,
        category=plan.category.value,
        plan_type=plan.plan_type.value,
        billing_period=plan.billing_period.value,
        trial_available=plan.trial_available,
        trial_days=plan.trial_days,
        status=plan.status.value,
        parent_plan=plan.parent_plan_key,
        parent_plan_id=plan.parent_plan_id,
        features=list(plan.features),
        metadata=dict(plan.metadata),
        version=plan.version,
        version_id=plan.version_id,
        default_price_id=plan.default_price_id,
        created_at=plan.created_at,
        updated_at=plan.updated_at,
    )


def price_to_wire(price: PlanPrice, warnings: Sequence[str] = ()) -> wire.PlanPrice:
    return wire.PlanPrice(
        id=price.id,
        plan_id=price.plan_id,
        market=price.market_key,
        market_id=price.market_id,
        currency=price.currency,
        base_price=price.base_price,
        billing_period=price.billing_period.value,
        warnings=[wire.Warning(code=code, detail=_WARNINGS[code]) for code in warnings],
        created_at=price.created_at,
        updated_at=price.updated_at,
    )


def meter_price_to_wire(price: MeterPrice) -> wire.MeterPrice:
    terms = {**terms_of(price.shape), "tiers": tiers_to_wire(price)}
    return wire.MeterPrice(
        **terms,
        id=price.id,
        plan_id=price.plan_id,
        plan_price_id=price.plan_price_id,
        market=price.market_key,
        billing_period=price.billing_period.value,
        meter=price.meter.key,
        meter_id=price.meter.id,
        meter_key=price.meter.key,
        agent_action_id=price.agent_action_id,
        metadata=dict(price.metadata),
        created_at=price.created_at,
        updated_at=price.updated_at,
    )


def tiers_to_wire(price: MeterPrice) -> list[wire.PriceTier]:
    return [
        wire.PriceTier(
            id=tier.row.id,
            order=order,
            start_unit=tier.start_unit,
            end_unit=tier.end_unit,
            unit_price=tier.unit_price,
            flat_fee=tier.flat_fee,
            created_at=tier.row.created_at,
            updated_at=tier.row.updated_at,
        )
        for order, tier in enumerate(tiers_of(price), start=1)
    ]


def charge_to_wire(charge: PlanCharge, *, default_currency: str) -> wire.PlanCharge:
    period, meter = charge.billing_period, charge.meter
    return wire.PlanCharge(
        id=charge.id,
        plan_id=charge.plan_id,
        key=charge.key,
        name=charge.name,
        description=charge.description,
        charge_type=charge.charge_type.value,
        amount=charge.amount,
        currency=charge.market_currency or default_currency,
        billing_period=None if period is None else period.value,
        meter=None if meter is None else meter.key,
        meter_id=None if meter is None else meter.id,
        market=charge.market_key,
        market_id=charge.market_id,
        created_at=charge.created_at,
        updated_at=charge.updated_at,
    )


def offer_to_wire(offer: PlanOffer) -> pricing_wire.PlanCatalog:
    return pricing_wire.PlanCatalog(
        plan=plan_to_wire(offer.plan),
        market_price=None if offer.price is None else price_to_wire(offer.price),
        meter_prices=[meter_price_to_wire(price) for price in offer.meter_prices],
        charges=[
            charge_to_wire(charge, default_currency=offer.default_currency)
            for charge in offer.charges
        ],
    )


def agent_to_wire(agent: Agent) -> agents_wire.Agent:
    return agents_wire.Agent(
        id=agent.id,
        name=agent.name,
        description=agent.description,
        external_id=agent.external_id,
        status=agent.status.value,
        tags=list(agent.tags),
        config=dict(agent.config),
        metadata=dict(agent.metadata),
        created_at=agent.created_at,
        updated_at=agent.updated_at,
    )


def action_to_wire(action: AgentAction) -> agents_wire.AgentAction:
    value = action.value
    return agents_wire.AgentAction(
        id=action.id,
        agent_id=action.agent_id,
        name=action.name,
        action_type=action.action_type.value,
        description=action.description,
        billable_meter=meter_to_wire(action.billable_meter),
        cost_meter_ids=[meter.id for meter in action.cost_meters],
        value=agents_wire.ActionValue(
            fte_equivalent=value.fte_equivalent,
            revenue_per_unit=value.revenue_per_unit,
            default_price=value.default_price,
        ),
        created_at=action.created_at,
        updated_at=action.updated_at,
    )


def agent_with_actions(
    agent: Agent, actions: Sequence[AgentAction]
) -> agents_wire.AgentWithActions:
    return agents_wire.AgentWithActions(
        **agent_to_wire(agent).model_dump(), actions=[action_to_wire(a) for a in actions]
    )


def estimate_to_wire(estimated: Estimated) -> Estimate:
    return Estimate(
        amount=_money(estimated.amounts.total),
        currency=estimated.currency,
        slices=[
            EstimateSlice(
                tier=piece.tier,
                quantity=piece.quantity,
                unit_price=piece.unit_price,
                flat_fee=piece.flat_fee,
                amount=piece.amount,
            )
            for piece in estimated.rated.slices
        ],
        true_up=_money(estimated.amounts.true_up),
    )


def _money(amount: Decimal) -> Any:
    """Write posted money as text, in which the zeros of its minor units survive."""
    return format(amount, "f")
