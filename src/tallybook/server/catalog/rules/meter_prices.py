"""Which meters can be priced, and how."""

from tallybook.server.catalog.errors import MeterDoesNotFit
from tallybook.server.kernel.errors import FieldError
from tallybook.server.metering.models import Meter, MeterKind, MeterStatus
from tallybook.server.rating.errors import PriceShapeInvalid
from tallybook.server.rating.models import PriceShape


def check_meter_priced(meter: Meter, shape: PriceShape, *, pointer: str = "") -> None:
    """Raise unless the meter can be priced on the shape.

    Quota windows other than the billing period need figures that add up over windows.
    Errors: MeterDoesNotFit; PriceShapeInvalid.
    Source: semantics, choice 3.
    """
    reason = None
    if meter.kind is not MeterKind.BILLABLE:
        reason = "it is a cost meter, which is never billed"
    elif meter.status is MeterStatus.ARCHIVED:
        reason = "it is archived"
    if reason is not None:
        errors = [FieldError(f"{pointer}/meter", "does_not_fit", reason)]
        raise MeterDoesNotFit(meter=meter.key, reason=reason, errors=errors)
    if shape.needs_additive_meter and not meter.aggregation.is_additive:
        detail = f"a {meter.aggregation} meter counts over the whole billing period"
        wrong = FieldError(f"{pointer}/event_quota_window", "does_not_fit", detail)
        raise PriceShapeInvalid(errors=[wrong])
