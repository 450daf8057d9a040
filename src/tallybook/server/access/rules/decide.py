"""Whether a customer may go on: the one place that says ok or names the hindrance.

Source: semantics, choices 5 and 26; docs/access.md#reasons; docs/costs.md#budgets.
"""

from decimal import Decimal

from tallybook.server.access.models import Entitlement, Reason, WalletGate
from tallybook.server.rating.models import Overage


def decide(
    entitlement: Entitlement | None,
    *,
    is_customer_suspended: bool,
    hindrance: Reason | None,
    used_after: Decimal,
    is_over_budget: bool = False,
    wallet_gate: WalletGate | None = None,
) -> Reason:
    """Return why access is given or not.

    `hindrance` is what its subscription says, or why there is none; `used_after` is what would
    be used with the quantity asked for; `wallet_gate` is None where that switch is off.
    Holds: what is denied by a limit would have gone past it.
    """
    if is_customer_suspended:
        return Reason.CUSTOMER_SUSPENDED
    if hindrance is not None:
        return hindrance
    assert entitlement is not None
    is_over = _is_over(entitlement, used_after)
    if is_over and entitlement.overage is Overage.DENY:
        return Reason.LIMIT_REACHED
    if is_over_budget:
        return Reason.BUDGET_EXCEEDED
    if wallet_gate is not None and wallet_gate.price > wallet_gate.available:
        return Reason.INSUFFICIENT_WALLET_BALANCE
    return _given(entitlement, is_over=is_over)


def _given(entitlement: Entitlement, *, is_over: bool) -> Reason:
    if not is_over:
        return Reason.OK
    return Reason.FREE_OVERAGE if entitlement.overage is Overage.FREE else Reason.OVERAGE


def _is_over(entitlement: Entitlement, used_after: Decimal) -> bool:
    """Tell whether usage is past the quota, or without one past the units that are included.

    Where nothing is included, every unit is an ordinary one: paying by use is no overage.
    """
    if entitlement.limit is not None:
        return used_after > entitlement.limit
    return 0 < entitlement.included_units < used_after
