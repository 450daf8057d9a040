"""What a customer owes and was not invoiced yet; nothing is written."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from tallybook.server.customers.models import Customer
from tallybook.server.identity.models import Space
from tallybook.server.invoicing.errors import NotTheCustomers
from tallybook.server.invoicing.models import Figures, NewLine
from tallybook.server.invoicing.rules.totals import work_out
from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.ids import new_id
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Period, Status, Subscription

from .cycle import adjustments, never_negative, taxes_of, terms_of
from .errors import SeveralCurrencies
from .rules.lines import opening_lines, usage_lines

_ANOTHERS: Final = FieldError("/contract_id", "invalid", "belongs to another customer")


@dataclass(frozen=True, slots=True)
class Preview:
    """An invoice that does not exist."""

    currency: str
    figures: Figures
    period_start: datetime | None
    period_end: datetime | None


def preview(
    tx: Tx, space: Space, customer: Customer, *, contract_id: str | None = None, at: datetime
) -> Preview:
    """Return what is owed and not invoiced, as if no more usage came before the period ends.

    Of a contract in draft it is the first invoice that its activation brings.
    Errors: SeveralCurrencies; UncoveredQuantity; ContractNotFound; NotTheCustomers; for a draft
        those of its activation.
    """
    if contract_id is not None:
        contract = subscriptions.get_contract(tx, space.id, contract_id).contract
        if contract.customer_id != customer.id:
            raise NotTheCustomers(what="contract", errors=[_ANOTHERS])
        draft = subscriptions.get(tx, space.id, contract.subscription_id)
        if draft.status is Status.DRAFT:
            return _of_draft(tx, space, customer, draft, at)
    return owed(tx, space, customer, contract_id=contract_id)


def owed(tx: Tx, space: Space, customer: Customer, *, contract_id: str | None = None) -> Preview:
    """Return what is owed of subscriptions that run.

    Errors: SeveralCurrencies; UncoveredQuantity.
    """
    subs = [
        sub
        for sub in subscriptions.list_for_customer(tx, space.id, customer.id, only_live=True)
        if contract_id in (None, sub.contract_id) and sub.current_period is not None
    ]
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
    figures = _figures(space, customer, lines, currency)
    return Preview(
        currency,
        figures,
        min((period.start for period in periods), default=None),
        max((period.end for period in periods), default=None),
    )


def _of_draft(
    tx: Tx, space: Space, customer: Customer, draft: Subscription, at: datetime
) -> Preview:
    opening = subscriptions.draft_opening(tx, space, draft, at=at)
    lines: list[NewLine] = []
    if opening is not None:
        sub, period = opening
        terms = terms_of(tx, space, sub, period)
        lines = opening_lines(sub, period, terms, is_first=True, zone=space.zone)
    figures = _figures(space, customer, lines, draft.currency)
    span = (None, None) if opening is None else (opening[1].start, opening[1].end)
    return Preview(draft.currency, figures, *span)


def _figures(space: Space, customer: Customer, lines: Sequence[NewLine], currency: str) -> Figures:
    new = [replace(line, id=new_id("ili")) for line in lines]
    rounding = space.settings.tax_rounding
    return work_out(new, taxes_of(space, customer), currency, rounding=rounding)


def _lines(tx: Tx, space: Space, sub: Subscription, period: Period) -> list[NewLine]:
    found = subscriptions.timelines(tx, space.id, [sub.customer_id])
    timelines = found.get(sub.customer_id, [])
    usage = subscriptions.read_usage(
        tx, space, sub, period, terms_of(tx, space, sub, period), timelines
    )
    lines = [line for part in usage_lines(sub, period, usage).values() for line in part]
    lines += adjustments(tx, space, sub, timelines, before=period.number)
    return list(never_negative(sub, lines, None).lines)
