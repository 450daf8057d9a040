"""Create, find, change and archive plans."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from tallybook.server.catalog.errors import KeyTaken, PlanInUse, PlanNotFound
from tallybook.server.catalog.models import (
    GLOBAL_MARKET,
    PLAN_PREFIX,
    VERSION_PREFIX,
    Audience,
    Plan,
    PlanCategory,
    PlanId,
    PlanStatus,
    PlanType,
)
from tallybook.server.catalog.rules import plans as rules
from tallybook.server.catalog.store import plans as store
from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.kernel.money import minor_units
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.metering.rules.keys import check_key, is_id
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest

from .found import Found
from .markets import get_market


def create_plan(tx: Tx, space: SpaceId, fields: Mapping[str, Any], *, at: datetime) -> Plan:
    """Create a plan from `name`, `key` and what else is given; `parent_plan` is an id or key.

    Errors: KeyTaken (with `existing_id`); ParentPlanRequired; PlanNotFound (the parent);
        UnknownCurrency; InvalidInput.
    """
    check_key(fields["key"], id_prefix=PLAN_PREFIX)
    given = dict(fields)
    parent = _parent(tx, space, given)
    defaults: dict[str, Any] = {
        "description": None,
        "target_audience": Audience.BOTH,
        "currency": None,
        "category": PlanCategory.PLAN,
        "plan_type": PlanType.STANDARD,
        "billing_period": BillingPeriod.MONTHLY,
        "trial_available": False,
        "trial_days": None,
        "status": PlanStatus.ACTIVE,
        "parent_plan_id": None,
        "parent_plan_key": None,
        "features": (),
        "metadata": {},
    }
    fresh = {
        "id": PlanId(new_id(PLAN_PREFIX)),
        "version": 1,
        "version_id": new_id(VERSION_PREFIX),
        "default_price_id": None,
        "created_at": at,
        "updated_at": at,
    }
    plan = Plan(**{**defaults, **given, **fresh})
    if plan.currency is None:
        plan = replace(plan, currency=get_market(tx, space, GLOBAL_MARKET).currency)
    minor_units(plan.currency)
    rules.check_plan(plan, parent)
    if not store.add_plan(tx, space, plan):
        raise _key_taken(tx, space, plan.key)
    store.add_version(tx, space, plan, change="plan.created", object_id=plan.id, at=at)
    return plan


def get_plan(
    tx: Tx, space: SpaceId, ref: str, *, lock: store.Lock | None = None, pointer: str | None = None
) -> Plan:
    """Return the plan of an id or key, an archived one too. Errors: PlanNotFound.

    `lock="share"` holds off edits until the commit, `"update"` holds off signing too.
    """
    plan = find_plan(tx, space, ref, lock=lock)
    if plan is None:
        errors = [FieldError(pointer, "not_found", "no such plan")] if pointer else []
        raise PlanNotFound(plan=ref, errors=errors)
    return plan


def find_plan(tx: Tx, space: SpaceId, ref: str, *, lock: store.Lock | None = None) -> Plan | None:
    if is_id(ref, id_prefix=PLAN_PREFIX):
        return store.find_plan(tx, space, ref, lock=lock)
    return store.find_plan_by_key(tx, space, ref, lock=lock)


def list_plans(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    status: str | None = None,
    search: str | None = None,
    plan_type: str | None = None,
) -> Found[Plan]:
    """Return a page of plans; archived ones only when `status` says so."""
    rows = store.page_of_plans(tx, space, page, status=status, search=search, plan_type=plan_type)
    return Found(rows, {row["id"]: store.plan_from_row(row) for row in rows.rows})


def update_plan(
    tx: Tx, space: SpaceId, ref: str, changes: Mapping[str, Any], *, at: datetime
) -> Plan:
    """Change the given fields, which makes the next version; subscriptions keep theirs.

    Errors: PlanNotFound; KeyTaken; ParentPlanRequired; PlanInUse (an addon's parent that
        becomes an addon); UnknownCurrency; InvalidInput.
    """
    before = get_plan(tx, space, ref, lock="update")
    given = dict(changes)
    named = "parent_plan" in given
    parent = _parent(tx, space, given) if named else _parent_of(tx, space, before)
    if "currency" in given:
        minor_units(given["currency"])
    after = rules.changed(before, given)
    if after is before:
        return before
    rules.check_plan(after, parent)
    if after.key != before.key:
        check_key(after.key, id_prefix=PLAN_PREFIX)
        if store.find_plan_by_key(tx, space, after.key) is not None:
            raise _key_taken(tx, space, after.key)
    if after.category is not before.category:
        _refuse_with_addons(tx, space, before)
    return new_version(tx, space, after, change="plan.updated", object_id=before.id, at=at)


def archive_plan(tx: Tx, space: SpaceId, ref: str, *, in_use: bool = False, at: datetime) -> Plan:
    """Hide the plan; nobody can subscribe to it any more. `in_use`: it has live subscriptions.

    Errors: PlanNotFound; PlanInUse (live subscriptions, or addons).
    """
    before = get_plan(tx, space, ref, lock="update")
    if in_use:
        raise PlanInUse(plan=before.key, plan_id=before.id, used_by="live subscriptions")
    if before.status is PlanStatus.ARCHIVED:
        return before
    _refuse_with_addons(tx, space, before)
    after = replace(before, status=PlanStatus.ARCHIVED)
    return new_version(tx, space, after, change="plan.archived", object_id=before.id, at=at)


def new_version(
    tx: Tx, space: SpaceId, plan: Plan, *, change: str, object_id: str, at: datetime
) -> Plan:
    """Store an edited plan as its next version; the caller holds the plan's lock."""
    after = rules.next_version(plan, version_id=new_id(VERSION_PREFIX), at=at)
    store.save_plan(tx, space, after)
    store.add_version(tx, space, after, change=change, object_id=object_id, at=at)
    return after


def _parent(tx: Tx, space: SpaceId, given: dict[str, Any]) -> Plan | None:
    """Put the parent's id and key in place of the reference to it."""
    if "parent_plan" not in given:
        return None
    ref = given.pop("parent_plan")
    parent = None if ref is None else get_plan(tx, space, ref, pointer="/parent_plan")
    given["parent_plan_id"] = None if parent is None else parent.id
    given["parent_plan_key"] = None if parent is None else parent.key
    return parent


def _parent_of(tx: Tx, space: SpaceId, plan: Plan) -> Plan | None:
    if plan.parent_plan_id is None:
        return None
    return store.find_plan(tx, space, plan.parent_plan_id)


def _refuse_with_addons(tx: Tx, space: SpaceId, plan: Plan) -> None:
    addon = store.find_addon_of(tx, space, plan.id)
    if addon is not None:
        raise PlanInUse(plan=plan.key, plan_id=plan.id, used_by=f"the addon {addon.key}")


def _key_taken(tx: Tx, space: SpaceId, key: str) -> KeyTaken:
    existing = store.find_plan_by_key(tx, space, key)
    return KeyTaken(key=key, existing_id=None if existing is None else existing.id)
