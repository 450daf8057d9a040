"""Editing and activating a contract."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

from tallybook.server.catalog import service as catalog
from tallybook.server.customers import service as customers
from tallybook.server.customers.errors import CustomerNotFound
from tallybook.server.customers.rules.changes import merge_metadata
from tallybook.server.identity.models import Space
from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.subscriptions.errors import ContractNotReady, DatesInvalid
from tallybook.server.subscriptions.models import (
    Agreement,
    ChangeReason,
    Contract,
    ContractVersion,
    Opening,
    Signed,
    Status,
    Subscription,
    VersionReason,
)
from tallybook.server.subscriptions.rules import contracts as rules
from tallybook.server.subscriptions.rules.first_period import begin
from tallybook.server.subscriptions.rules.transitions import illegal
from tallybook.server.subscriptions.store import contracts as store

from .announce import announce, save
from .contracts import get_contract, get_paper, get_version
from .create import announce_start, open_first, plan_start
from .lookups import get, get_current_period, require_free
from .plan_changes import schedule_terms
from .signing import negotiate, sign, version_of

PAPER: Final = frozenset({"name", "description", "start_date", "end_date", "metadata"})
BILLING: Final = frozenset({"collection_method", "payment_terms_days"})
ALWAYS: Final = frozenset({"name", "description", "metadata"})
"""Edits of these are taken when everything is over, too."""


def update_contract(
    tx: Tx, where: Space, contract_id: str, changes: Mapping[str, Any], *, at: datetime
) -> Agreement:
    """Change the given fields: of the paper and of collection at once, of prices in a draft too.

    Prices of a contract that is signed are never rewritten: the edit is its next version, which
    takes effect with the next period.
    Errors: ContractNotFound; IllegalTransition (frozen, or over); DatesInvalid; what signing
        refuses.
    """
    space = where.id
    contract = get_paper(tx, space, contract_id)
    before = get(tx, space, contract.subscription_id, lock=True)
    _check_allowed(before, changes)
    paper = _edited_paper(contract, changes, at)
    if paper != contract:
        store.save(tx, space, paper)
    sub = _edited_subscription(where, before, changes, at)
    if sub.end_date != before.end_date and sub.current_period is not None:
        sub = rules.ending(sub, get_current_period(tx, space, sub))
    if rules.changes_pricing(changes):
        sub = _reprice(tx, where, before, sub, changes, at)
    elif "notes" in changes:
        store.set_notes(tx, space, contract_id, contract.version, changes["notes"])
    if sub.status is Status.DRAFT:
        terms = get_version(tx, space, contract_id, paper.version).terms
        plan_start(tx, where, sub, terms, sub.opening, at=at)  # refuses dates that do not fit
    if sub.version == before.version and (sub != before or paper != contract):
        sub = save(tx, space, before, sub, at=at)
        announce(tx, space, "updated", sub, at=at)
    return get_contract(tx, space, contract_id)


def activate(
    tx: Tx,
    where: Space,
    contract_id: str,
    *,
    start: datetime | None = None,
    skip_validation: bool = False,
    at: datetime,
) -> Agreement:
    """Start the subscription of a draft; its first period begins at `start`, or as was asked.

    Errors: ContractNotFound; CustomerNotFound (archived); IllegalTransition (no draft);
        ContractNotReady (warnings, unless skipped); AlreadySubscribed; TrialAlreadyUsed;
        DatesInvalid.
    """
    space = where.id
    contract = get_paper(tx, space, contract_id)
    draft = get(tx, space, contract.subscription_id, lock=True)
    if draft.status is not Status.DRAFT:
        raise illegal(draft, "be activated")
    customer = customers.get(tx, space, draft.customer_id)
    if customer.archived_at is not None:
        raise CustomerNotFound(customer_id=customer.id)
    plan = catalog.get_plan(tx, space, draft.plan_id)
    warnings = [] if skip_validation else rules.warnings(plan=plan, customer=customer)
    if warnings:
        raise ContractNotReady(errors=warnings)
    require_free(tx, space, customer_id=draft.customer_id, plan_id=draft.plan_id)
    terms = get_version(tx, space, contract_id, draft.contract_version).terms
    asked = draft.opening
    opening = (
        asked
        if start is None
        else Opening(start=start, trial_end=asked.trial_end, wants_trial=asked.wants_trial)
    )
    first = plan_start(tx, where, draft, terms, opening, at=at)
    sub = save(tx, space, draft, replace(begin(draft, first, at=at), opening=opening), at=at)
    start_date = first.start.astimezone(where.zone).date()
    if start is not None or contract.start_date is None:
        store.save(tx, space, replace(contract, start_date=start_date, updated_at=at))
    open_first(tx, space, sub, first)
    if sub.status is Status.SCHEDULED:
        announce(tx, space, "updated", sub, at=at)
    announce_start(tx, space, sub, at=at)
    return get_contract(tx, space, contract_id)


def _check_allowed(sub: Subscription, changes: Mapping[str, Any]) -> None:
    frozen = rules.frozen_fields(sub, changes)
    if sub.is_over:
        frozen = sorted(changes.keys() - ALWAYS)
    if frozen:
        raise illegal(sub, f"change {frozen[0]}")


def _edited_paper(contract: Contract, changes: Mapping[str, Any], at: datetime) -> Contract:
    fields = {name: value for name, value in changes.items() if name in PAPER}
    if "metadata" in fields:
        fields["metadata"] = merge_metadata(contract.metadata, fields["metadata"])
    after = replace(contract, **fields)
    return contract if after == contract else replace(after, updated_at=at)


def _edited_subscription(
    where: Space, sub: Subscription, changes: Mapping[str, Any], at: datetime
) -> Subscription:
    fields = {name: value for name, value in changes.items() if name in BILLING}
    start: date | None = changes.get("start_date")
    if start is not None:
        fields["opening"] = replace(
            sub.opening, start=where.midnight(start), period_start=None, period_end=None
        )
    if "end_date" in changes:
        day: date | None = changes["end_date"]
        end = None if day is None else where.midnight(day)
        if end is not None and sub.started_at is not None and end <= max(at, sub.started_at):
            detail = "must lie ahead; to end a subscription now, cancel it"
            raise DatesInvalid(errors=[FieldError("/end_date", "invalid", detail)])
        fields["end_date"] = end
    return replace(sub, **fields)


def _reprice(
    tx: Tx,
    where: Space,
    before: Subscription,
    sub: Subscription,
    changes: Mapping[str, Any],
    at: datetime,
) -> Subscription:
    """Write the version that the edit makes; of a draft, rewrite the one it has."""
    space = where.id
    number = before.next_version or before.contract_version
    version = get_version(tx, space, before.contract_id, number)
    signed = _signed_anew(tx, space, version, changes, at)
    if before.status is Status.DRAFT:
        rewritten = version_of(
            before.contract_id, number, signed, reason=VersionReason.SIGNED, at=at
        )
        store.replace_version(tx, space, rewritten)
        return rules.on_terms(sub, signed.terms, number)
    waiting = before.scheduled_change
    reason = ChangeReason.BILLING_PERIOD_CHANGE if waiting is None else waiting.reason
    edited = VersionReason.EDITED
    return schedule_terms(tx, space, sub, signed, reason=reason, version_reason=edited, at=at)


def _signed_anew(
    tx: Tx, space: SpaceId, version: ContractVersion, changes: Mapping[str, Any], at: datetime
) -> Signed:
    negotiated = rules.renegotiated(version, changes)
    if rules.PLAN.isdisjoint(changes):
        return negotiate(tx, space, version.plan_terms, negotiated)
    terms = version.plan_terms
    return sign(
        tx,
        space,
        plan=terms.plan_id,
        market=None if "currency" in changes else terms.market_id,
        billing_period=changes.get("billing_period", terms.billing_period),
        currency=changes.get("currency"),
        negotiated=negotiated,
        default_price_serves=True,
        at=at,
    )
