"""Which fields of a plan fit together, and what an edit does to it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from tallybook.server.catalog.errors import ParentPlanRequired, PlanNotActive
from tallybook.server.catalog.models import Plan, PlanCategory, PlanStatus
from tallybook.server.kernel.errors import FieldError, InvalidInput


def check_plan(plan: Plan, parent: Plan | None) -> None:
    """Raise unless category and parent fit: an addon adds to a plan, and only addons do.

    Errors: ParentPlanRequired; InvalidInput.
    """
    if plan.category is PlanCategory.PLAN:
        if parent is not None:
            _refuse_parent("only an addon has a parent plan")
        return
    if parent is None:
        wrong = FieldError("/parent_plan", "required", "an addon needs it")
        raise ParentPlanRequired(errors=[wrong])
    if parent.id == plan.id:
        _refuse_parent("a plan is not its own addon")
    if parent.category is not PlanCategory.PLAN:
        _refuse_parent("is an addon itself")


def check_active(plan: Plan) -> None:
    """Raise PlanNotActive unless the plan can be subscribed to."""
    if plan.status is not PlanStatus.ACTIVE:
        raise PlanNotActive(plan=plan.key, plan_id=plan.id, status=plan.status.value)


def changed(plan: Plan, changes: Mapping[str, Any]) -> Plan:
    """Return the plan with the changes, or the same object when nothing differs.

    `metadata` is merged; a null in it deletes its key.
    """
    fields = dict(changes)
    if "metadata" in fields:
        fields["metadata"] = merge_metadata(plan.metadata, fields["metadata"])
    after = replace(plan, **fields)
    return plan if after == plan else after


def merge_metadata(before: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata after a merge patch: a null deletes its key."""
    merged = {**before, **patch}
    return {key: value for key, value in merged.items() if value is not None}


def next_version(plan: Plan, *, version_id: str, at: datetime) -> Plan:
    """Return the plan as an edit leaves it: what is signed from now on is signed on this."""
    return replace(plan, version=plan.version + 1, version_id=version_id, updated_at=at)


def _refuse_parent(detail: str) -> None:
    raise InvalidInput(errors=[FieldError("/parent_plan", "invalid", detail)])
