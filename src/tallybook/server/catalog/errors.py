"""How the catalog refuses.

NotFound
├── MarketNotFound, PlanNotFound, PlanPriceNotFound, MeterPriceNotFound, TierNotFound
├── ChargeNotFound
└── AgentNotFound, AgentActionNotFound
Conflict
├── KeyTaken               a market, plan or charge has that key
├── AgentExternalIdTaken
├── PriceExists            the plan has a price in that market and period
├── MeterAlreadyPriced     the plan price has a price for that meter
├── MeterDefinitionDiffers an action's meter exists, and measures something else
└── PlanInUse
InvalidInput
├── PriceNotConfigured     the plan is not sold so
├── PlanNotActive
├── ParentPlanRequired
├── MeterDoesNotFit        that meter cannot be priced or charged so
├── ChargeInvalid
└── ChargePeriodTooShort
"""

from tallybook.server.kernel.errors import Conflict, InvalidInput, NotFound


class MarketNotFound(NotFound):
    """There is no market {market}."""

    code = "market_not_found"


class PlanNotFound(NotFound):
    """There is no plan {plan}."""

    code = "plan_not_found"


class PlanPriceNotFound(NotFound):
    """There is no plan price {plan_price_id}."""

    code = "plan_price_not_found"


class MeterPriceNotFound(NotFound):
    """The plan has no meter price {meter_price_id}."""

    code = "meter_price_not_found"


class TierNotFound(NotFound):
    """The meter price has no tier {tier_id}."""

    code = "tier_not_found"


class ChargeNotFound(NotFound):
    """The plan has no charge {charge_id}."""

    code = "plan_charge_not_found"


class AgentNotFound(NotFound):
    """There is no agent {agent}."""

    code = "agent_not_found"


class AgentActionNotFound(NotFound):
    """There is no agent action {agent_action_id}."""

    code = "agent_action_not_found"


class KeyTaken(Conflict):
    """The key {key} is taken."""

    code = "key_taken"


class AgentExternalIdTaken(Conflict):
    """Another agent has the external id {external_id}."""

    code = "external_id_taken"


class PriceExists(Conflict):
    """The plan already has a {billing_period} price in market {market}: update that one."""

    code = "price_exists"


class MeterAlreadyPriced(Conflict):
    """The plan price already has a price for meter {meter}: update that one."""

    code = "meter_already_priced"


class MeterDefinitionDiffers(Conflict):
    """The meter {key} exists with another definition; give the same one, or another key."""

    code = "meter_definition_differs"


class PlanInUse(Conflict):
    """The plan has {used_by}; end that first, or set its status to inactive."""

    code = "plan_in_use"


class PriceNotConfigured(InvalidInput):
    """The plan {plan} has no price for what was asked: {asked}."""

    code = "price_not_configured"


class PlanNotActive(InvalidInput):
    """The plan {plan} is {status}: only active plans can be subscribed to."""

    code = "plan_not_active"


class ParentPlanRequired(InvalidInput):
    """An addon names the plan that it adds to, in parent_plan."""

    code = "parent_plan_required"


class MeterDoesNotFit(InvalidInput):
    """The meter {meter} cannot be used here: {reason}."""

    code = "meter_does_not_fit"


class ChargeInvalid(InvalidInput):
    """The charge's fields do not fit together; `errors` names each."""

    code = "charge_invalid"


class ChargePeriodTooShort(InvalidInput):
    """The charge {charge} recurs {charge_period}, but the price is {billing_period}: too short."""

    code = "charge_period_too_short"
