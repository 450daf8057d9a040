"""Signing terms: a plan's, copied, with what was negotiated on them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from tallybook.server.catalog import service as catalog
from tallybook.server.catalog.errors import ChargePeriodTooShort, PriceNotConfigured
from tallybook.server.catalog.models import ChargeTerms, ChargeType, Terms
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.storage import Tx
from tallybook.server.subscriptions.models import (
    Contract,
    ContractVersion,
    Negotiated,
    Signed,
    VersionReason,
)
from tallybook.server.subscriptions.store import contracts as contract_store

_LENGTH: Final = {period: rank for rank, period in enumerate(BillingPeriod)}  # the shortest first


def sign(
    tx: Tx,
    space: SpaceId,
    *,
    plan: str,
    market: str | None = None,
    billing_period: BillingPeriod | None = None,
    currency: str | None = None,
    negotiated: Negotiated = Negotiated(),
    default_price_serves: bool = False,
    terms_at: str = "",
    at: datetime,
) -> Signed:
    """Return what the plan costs now, with what was negotiated, to be pinned in a contract.

    With `default_price_serves`, a billing period that the plan has no price for takes the terms
    of its default price; the base price must be given then, unless the default one is 0.
    Errors: PlanNotFound, MarketNotFound; PlanNotActive; PriceNotConfigured;
        ChargePeriodTooShort; what overrides refuse, with pointers below `terms_at`.
    """
    try:
        plan_terms = catalog.sign_terms(
            tx,
            space,
            plan,
            market=market,
            billing_period=billing_period,
            currency=currency,
            at=at,
        )
    except PriceNotConfigured:
        if billing_period is None or not default_price_serves:
            raise
        default = catalog.sign_terms(tx, space, plan, market=market, currency=currency, at=at)
        if default.base_price and negotiated.base_price is None:
            raise
        plan_terms = _for_period(default, billing_period)
    return negotiate(tx, space, plan_terms, negotiated, terms_at=terms_at)


def negotiate(
    tx: Tx, space: SpaceId, plan_terms: Terms, negotiated: Negotiated, *, terms_at: str = ""
) -> Signed:
    """Return a plan's terms with what was negotiated on them.

    Errors: what overrides refuse, with pointers below `terms_at`.
    """
    terms = catalog.override_terms(
        tx,
        space,
        plan_terms,
        base_price=negotiated.base_price,
        meter_overrides=negotiated.meter_overrides,
        pointer=f"{terms_at}/meter_overrides",
    )
    return Signed(terms, plan_terms, negotiated)


def version_of(
    contract_id: str, number: int, signed: Signed, *, reason: VersionReason, at: datetime
) -> ContractVersion:
    """Return a version of a contract that is not in effect yet."""
    return ContractVersion(
        contract_id=contract_id,
        version=number,
        reason=reason,
        terms=signed.terms,
        plan_terms=signed.plan_terms,
        base_price=signed.negotiated.base_price,
        meter_overrides=signed.negotiated.meter_overrides,
        notes=signed.negotiated.notes,
        effective_at=None,
        created_at=at,
    )


def add_version(
    tx: Tx,
    space: SpaceId,
    contract: Contract,
    signed: Signed,
    *,
    reason: VersionReason,
    at: datetime,
) -> ContractVersion:
    """Write the next version of a contract."""
    version = version_of(contract.id, contract.version + 1, signed, reason=reason, at=at)
    contract_store.add_version(tx, space, version)
    newer = replace(contract, version=version.version, updated_at=at)
    contract_store.save(tx, space, newer)
    return version


def _for_period(terms: Terms, billing_period: BillingPeriod) -> Terms:
    _check_charges(terms.charges, billing_period)
    return replace(terms, billing_period=billing_period)


def _check_charges(charges: Sequence[ChargeTerms], billing_period: BillingPeriod) -> None:
    for charge in charges:
        own = charge.billing_period
        if charge.charge_type is not ChargeType.RECURRING or own is None:
            continue
        if _LENGTH[own] < _LENGTH[billing_period]:
            raise ChargePeriodTooShort(
                charge=charge.key, charge_period=own.value, billing_period=billing_period.value
            )
