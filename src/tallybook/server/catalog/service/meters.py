"""What the catalog must say before a meter goes."""

from datetime import datetime

from tallybook.server.catalog.store import agents as agent_store
from tallybook.server.catalog.store import prices as price_store
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.metering import meters
from tallybook.server.metering.models import Meter
from tallybook.server.storage import Tx


def delete_meter(tx: Tx, space: SpaceId, ref: str, *, in_use: bool = False, at: datetime) -> Meter:
    """Archive a meter that no plan and no agent action uses. `in_use`: live terms price it.

    Errors: MeterNotFound; MeterInUse.
    """
    meter = meters.get_meter(tx, space, ref, lock=True)
    used_by = "live subscriptions" if in_use else None
    if plan_id := price_store.find_plan_pricing(tx, space, meter.id):
        used_by = f"plan {plan_id}"
    elif action_id := agent_store.find_action_using(tx, space, meter.id):
        used_by = f"agent action {action_id}"
    return meters.archive_meter(tx, space, ref, used_by=used_by, at=at)
