"""What an edit does to an agent and its actions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from tallybook.server.catalog.errors import MeterDoesNotFit
from tallybook.server.catalog.models import AGENT_PREFIX, ActionValue, Agent
from tallybook.server.kernel.errors import FieldError, InvalidInput
from tallybook.server.metering.models import Meter, MeterKind, MeterStatus

from .plans import merge_metadata

NO_VALUE: Final = ActionValue()


def check_external_id(external_id: str | None, *, pointer: str = "/external_id") -> None:
    """Raise InvalidInput for an external id that could be taken for an agent's id."""
    if external_id is not None and external_id.startswith(f"{AGENT_PREFIX}_"):
        detail = f"must not begin with {AGENT_PREFIX}_, as ids do"
        raise InvalidInput(errors=[FieldError(pointer, "invalid", detail)])


def changed(agent: Agent, changes: Mapping[str, Any], at: datetime) -> Agent:
    """Return the agent with the changes, or the same object when nothing differs.

    `metadata` is merged; `config` and `tags` are replaced whole.
    """
    fields = dict(changes)
    if "metadata" in fields:
        fields["metadata"] = merge_metadata(agent.metadata, fields["metadata"])
    after = replace(agent, **fields)
    return agent if after == agent else replace(after, updated_at=at)


def check_action_meters(billable: Meter, costs: Sequence[Meter], *, pointer: str = "") -> None:
    """Raise MeterDoesNotFit unless one bills and the others cost."""
    if billable.kind is not MeterKind.BILLABLE:
        _refuse(billable, "it is a cost meter", f"{pointer}/billable_meter")
    for meter in costs:
        if meter.kind is not MeterKind.COST:
            _refuse(meter, "it is not a cost meter", f"{pointer}/cost_meter_ids")
        if meter.status is MeterStatus.ARCHIVED:
            _refuse(meter, "it is archived", f"{pointer}/cost_meter_ids")


def change_cost_ids(
    before: Sequence[str],
    *,
    whole: Sequence[str] | None,
    add: Sequence[str],
    remove: Sequence[str],
) -> list[str]:
    """Return the ids of the cost meters after an edit, each once, in order.

    Errors: InvalidInput (the whole list and parts of it in one edit).
    """
    if whole is not None:
        if add or remove:
            detail = "give the whole list, or what to add and remove"
            raise InvalidInput(errors=[FieldError("/cost_meter_ids", "invalid", detail)])
        return list(dict.fromkeys(whole))
    return [name for name in dict.fromkeys([*before, *add]) if name not in remove]


def changed_value(value: ActionValue, changes: Mapping[str, Any] | None) -> ActionValue:
    """Return the value with the changes; None as a whole clears all of it."""
    return ActionValue() if changes is None else replace(value, **changes)


def _refuse(meter: Meter, reason: str, pointer: str) -> None:
    wrong = FieldError(pointer, "does_not_fit", reason)
    raise MeterDoesNotFit(meter=meter.key, reason=reason, errors=[wrong])
