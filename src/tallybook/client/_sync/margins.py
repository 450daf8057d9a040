"""Margins: what the work brings, and what it costs."""

from datetime import date, datetime
from functools import cached_property
from typing import Literal, Unpack

from tallybook.client.options import CallOptions
from tallybook.client.types.costs import MarginReport

from .resources import Resource
from .verbs import raw

MarginGroup = Literal["customer", "agent", "action", "meter", "day"]


class Margins(Resource):
    """`client.margins`."""

    @cached_property
    def with_raw_response(self) -> "MarginsRaw":
        return MarginsRaw(self)

    def report(
        self,
        group_by: MarginGroup,
        start: date | datetime | str,
        end: date | datetime | str,
        *,
        basis: Literal["accrued", "invoiced"] | None = None,
        **options: Unpack[CallOptions],
    ) -> MarginReport:
        """Return revenue, cost by category and margin of a span; an end day is inclusive."""
        query = {"group_by": group_by, "start": start, "end": end, "basis": basis}
        return self._get("/margins", MarginReport, options, query)


class MarginsRaw:
    """The verbs of `client.margins`, each answering an APIResponse."""

    def __init__(self, margins: Margins) -> None:
        self.report = raw(margins.report)
