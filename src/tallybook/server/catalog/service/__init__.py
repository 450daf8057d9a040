"""The catalog's door: a file per use case."""

from tallybook.server.catalog.rules.estimates import estimate

from .actions import (
    add_action,
    find_action,
    get_action,
    list_actions,
    page_of_actions,
    remove_action,
    update_action,
)
from .agents import (
    archive_agent,
    create_agent,
    create_agent_with_actions,
    find_agent,
    get_agent,
    list_agents,
    page_of_agents,
    update_agent,
)
from .charges import (
    add_charge,
    charges_of,
    get_charge,
    list_charges,
    remove_charge,
    update_charge,
)
from .found import Found
from .markets import (
    create_market,
    create_project,
    ensure_balance,
    find_market,
    get_market,
    list_balances,
    list_markets,
)
from .meter_prices import (
    add_meter_price,
    get_meter_price,
    list_meter_prices,
    meter_prices_of,
    remove_meter_price,
    update_meter_price,
)
from .meters import delete_meter
from .offers import Offers, Unavailable, get_offer, list_offers
from .plans import archive_plan, create_plan, find_plan, get_plan, list_plans, update_plan
from .prices import (
    add_price_to_plan,
    choose_price,
    default_currency,
    ensure_default_price,
    get_price,
    list_prices,
    update_price,
)
from .terms import offered_terms, override_terms, sign_terms
from .tiers import add_tier, remove_tier, update_tier

__all__ = [
    "Found",
    "Offers",
    "Unavailable",
    "add_action",
    "add_charge",
    "add_meter_price",
    "add_price_to_plan",
    "add_tier",
    "archive_agent",
    "archive_plan",
    "charges_of",
    "choose_price",
    "create_agent",
    "create_agent_with_actions",
    "create_market",
    "create_plan",
    "create_project",
    "default_currency",
    "delete_meter",
    "ensure_balance",
    "ensure_default_price",
    "estimate",
    "find_action",
    "find_agent",
    "find_market",
    "find_plan",
    "get_action",
    "get_agent",
    "get_charge",
    "get_market",
    "get_meter_price",
    "get_offer",
    "get_plan",
    "get_price",
    "list_actions",
    "list_agents",
    "list_balances",
    "list_charges",
    "list_markets",
    "list_meter_prices",
    "list_offers",
    "list_plans",
    "list_prices",
    "meter_prices_of",
    "offered_terms",
    "override_terms",
    "page_of_actions",
    "page_of_agents",
    "remove_action",
    "remove_charge",
    "remove_meter_price",
    "remove_tier",
    "sign_terms",
    "update_action",
    "update_agent",
    "update_charge",
    "update_meter_price",
    "update_plan",
    "update_price",
    "update_tier",
]
