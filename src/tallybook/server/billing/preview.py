"""What a customer owes and was not invoiced yet; nothing is written."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tallybook.server.customers.models import Customer
from tallybook.server.identity.models import Space
from tallybook.server.invoicing.models import Figures, NewLine
from tallybook.server.invoicing.rules.totals import work_out
from tallybook.server.kernel.ids import new_id
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Period, Subscription

from .cycle import adjustments, never_negative, taxes_of, terms_of
from .errors import SeveralCurrencies
from .rules.lines import usage_lines


@dataclass(frozen=True, slots=True)
class Preview:
    """An invoice that does not exist."""

    currency: str
    figures: Figures
    period_start: datetime | None
    period_end: datetime | None


def preview(tx: Tx, space: Space, customer: Customer, *, contract_id: str | None = None) -> Preview:
    """Return what is owed for usage so far, as if no more came before the period ends.

    Errors: SeveralCurrencies; UncoveredQuantity; ContractNotFound.
    """
    subs = [
        sub
        for sub in subscriptions.list_for_customer(tx, space.id, customer.id, only_live=True)
        if contract_id in (None, sub.contract_id) and sub.current_period is not None
    ]
    if contract_id is not None and not subs:
        subscriptions.get_contract(tx, space.id, contract_id)
    currencies = sorted({sub.currency for sub in subs})
    if len(currencies) > 1:
        raise SeveralCurrencies(currencies=", ".join(currencies))
    lines: list[NewLine] = []
    periods: list[Period] = []
    for sub in subs:
        period = subscriptions.get_current_period(tx, space.id, sub)
        periods.append(period)
        lines += _lines(tx, space, sub, period)
    currency = currencies[0] if currencies else customer.currency or space.default_currency
    rounding = space.settings.tax_rounding
    figures = work_out(_with_ids(lines), taxes_of(customer), currency, rounding=rounding)
    return Preview(
        currency,
        figures,
        min((period.start for period in periods), default=None),
        max((period.end for period in periods), default=None),
    )


def _lines(tx: Tx, space: Space, sub: Subscription, period: Period) -> list[NewLine]:
    found = subscriptions.timelines(tx, space.id, [sub.customer_id])
    timelines = found.get(sub.customer_id, [])
    usage = subscriptions.read_usage(
        tx, space, sub, period, terms_of(tx, space, sub, period), timelines
    )
    lines = [line for part in usage_lines(sub, period, usage).values() for line in part]
    lines += adjustments(tx, space, sub, timelines, before=period.number)
    return list(never_negative(sub, lines, None).lines)


def _with_ids(lines: Sequence[NewLine]) -> list[NewLine]:
    return [replace(line, id=new_id("ili")) for line in lines]
