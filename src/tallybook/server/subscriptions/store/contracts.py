"""Contracts and their versions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Text, and_, bindparam, cast, delete, insert, or_, select, update

from tallybook.server.catalog.models import MeterOverride, Terms, terms_from_json
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import plain
from tallybook.server.rating.rules.tiers import TierBounds
from tallybook.server.storage import Tx
from tallybook.server.storage.columns import from_json
from tallybook.server.storage.pages import PageRequest, Rows, fetch
from tallybook.server.storage.prepared import SPACE, Prepared, one_of
from tallybook.server.subscriptions.models import Contract, ContractVersion, VersionReason
from tallybook.server.subscriptions.tables import contract_versions, contracts, subscriptions

_SORTS = {"created_at": contracts.c.created_at, "name": contracts.c.name}

_TERMS: Final = {"terms", "plan_terms"}
_v = contract_versions.c
_FIND_VERSION: Final = Prepared(
    lambda _: select(contract_versions).where(
        _v.space_id == SPACE,
        _v.contract_id == bindparam("contract_id"),
        _v.version == bindparam("version"),
    )
)
_SET_EFFECTIVE: Final = Prepared(
    lambda _: (
        update(contract_versions)
        .where(
            _v.space_id == SPACE,
            _v.contract_id == bindparam("of_contract"),
            _v.version == bindparam("of_version"),
            _v.effective_at.is_(None),
        )
        .values(effective_at=bindparam("effective_at"))
    )
)
_VERSIONS_OF: Final = Prepared(
    lambda _: select(
        *(cast(one, Text).label(one.name) if one.name in _TERMS else one for one in _v)
    ).where(_v.space_id == SPACE, one_of(_v.contract_id, "contracts"))
)


def add(tx: Tx, space: SpaceId, contract: Contract) -> None:
    tx.execute(insert(contracts).values({"space_id": space, **_to_row(contract)}))


def save(tx: Tx, space: SpaceId, contract: Contract) -> None:
    t = contracts.c
    mine = (t.space_id == space, t.id == contract.id)
    tx.execute(update(contracts).where(*mine).values(_to_row(contract)))


def find(tx: Tx, space: SpaceId, contract_id: str) -> Contract | None:
    t = contracts.c
    query = select(contracts).where(t.space_id == space, t.id == contract_id)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else from_row(row)


def page(
    tx: Tx,
    space: SpaceId,
    request: PageRequest,
    *,
    status: str | None,
    plan: str | None,
    customer_id: str | None,
) -> Rows:
    t, s = contracts.c, subscriptions.c
    mine = and_(s.space_id == t.space_id, s.id == t.subscription_id)
    query = select(contracts).join(subscriptions, mine).where(t.space_id == space)
    if status is not None:
        query = query.where(s.status == status)
    if plan is not None:
        query = query.where(or_(s.plan_id == plan, s.plan_key == plan))
    if customer_id is not None:
        query = query.where(t.customer_id == customer_id)
    return fetch(tx, query, request, key=t.id, sorts=_SORTS)


def add_version(tx: Tx, space: SpaceId, version: ContractVersion) -> None:
    row = {"space_id": space, **_version_to_row(version)}
    tx.execute(insert(contract_versions).values(row))
    tx.forget(_kept(space, version.contract_id, version.version))


def replace_version(tx: Tx, space: SpaceId, version: ContractVersion) -> None:
    """Rewrite a version that nothing has been billed on: a draft's."""
    t = contract_versions.c
    mine = (
        t.space_id == space,
        t.contract_id == version.contract_id,
        t.version == version.version,
    )
    tx.execute(delete(contract_versions).where(*mine))
    add_version(tx, space, version)


def set_notes(tx: Tx, space: SpaceId, contract_id: str, version: int, notes: str | None) -> None:
    t = contract_versions.c
    mine = (t.space_id == space, t.contract_id == contract_id, t.version == version)
    tx.execute(update(contract_versions).where(*mine).values(notes=notes))
    tx.forget(_kept(space, contract_id, version))


def set_effective(
    tx: Tx, space: SpaceId, contract_id: str, version: int, effective_at: datetime
) -> None:
    """Note when a version's first period began; later periods change nothing."""
    key = _kept(space, contract_id, version)
    if tx.is_kept(key):
        known = find_version(tx, space, contract_id, version)
        if known is None or known.effective_at is not None:
            return
        tx.keep(key, replace(known, effective_at=effective_at))
    first = {"of_contract": contract_id, "of_version": version, "effective_at": effective_at}
    tx.write_all(_SET_EFFECTIVE, [{"space": space, **first}], of=contract_id)


def find_version(tx: Tx, space: SpaceId, contract_id: str, version: int) -> ContractVersion | None:
    def load() -> ContractVersion | None:
        row = tx.row(_FIND_VERSION, space=space, contract_id=contract_id, version=version)
        return None if row is None else version_from_row(row)

    return tx.kept(_kept(space, contract_id, version), load)


def keep_versions(tx: Tx, space: SpaceId, contract_ids: Sequence[str]) -> None:
    """Read all versions of contracts for gathered work."""
    for row in tx.rows(_VERSIONS_OF, space=space, contracts=contract_ids):
        terms, plan_terms = row["terms"], row["plan_terms"]
        version = _version(
            row,
            terms=_terms_from_text(terms),
            plan_terms=None if plan_terms is None else _terms_from_text(plan_terms),
        )
        tx.keep(_kept(space, version.contract_id, version.version), version)


@lru_cache(maxsize=256)
def _terms_from_text(stored: str) -> Terms:
    """Read terms; most contracts have those of a plan, to the letter."""
    return terms_from_json(from_json(stored))


def _kept(space: SpaceId, contract_id: str, version: int) -> tuple[str, SpaceId, str, int]:
    return ("contract version", space, contract_id, version)


def list_versions(tx: Tx, space: SpaceId, contract_id: str, *, limit: int) -> list[ContractVersion]:
    """The newest first."""
    t = contract_versions.c
    mine = (t.space_id == space, t.contract_id == contract_id)
    query = select(contract_versions).where(*mine).order_by(t.version.desc()).limit(limit)
    return [version_from_row(row) for row in tx.execute(query).mappings()]


def newest_versions(
    tx: Tx, space: SpaceId, versions: Mapping[str, int]
) -> dict[str, ContractVersion]:
    """Return the version of each contract that is named."""
    t = contract_versions.c
    if not versions:
        return {}
    wanted = [and_(t.contract_id == id, t.version == number) for id, number in versions.items()]
    query = select(contract_versions).where(t.space_id == space, or_(*wanted))
    found = (version_from_row(row) for row in tx.execute(query).mappings())
    return {version.contract_id: version for version in found}


def _to_row(contract: Contract) -> dict[str, Any]:
    start, end = contract.start_date, contract.end_date
    return {
        **asdict(contract),
        "start_date": None if start is None else start.isoformat(),
        "end_date": None if end is None else end.isoformat(),
        "metadata": dict(contract.metadata),
    }


def from_row(row: Mapping[Any, Any]) -> Contract:
    start, end = row["start_date"], row["end_date"]
    read = {name: row[name] for name in Contract.__dataclass_fields__}
    days = {
        "start_date": None if start is None else date.fromisoformat(start),
        "end_date": None if end is None else date.fromisoformat(end),
    }
    return Contract(**{**read, **days})


def _version_to_row(version: ContractVersion) -> dict[str, Any]:
    return {
        "contract_id": version.contract_id,
        "version": version.version,
        "reason": version.reason.value,
        "terms": version.terms.to_json(),
        "plan_terms": version.plan_terms.to_json() if version.is_negotiated else None,
        "base_price": version.base_price,
        "meter_overrides": [
            {"meter": override.meter, "changes": _changes_to_json(override.changes)}
            for override in version.meter_overrides
        ],
        "notes": version.notes,
        "effective_at": version.effective_at,
        "created_at": version.created_at,
    }


def version_from_row(row: Mapping[Any, Any]) -> ContractVersion:
    plan_terms = row["plan_terms"]
    return _version(
        row,
        terms=terms_from_json(row["terms"]),
        plan_terms=None if plan_terms is None else terms_from_json(plan_terms),
    )


def _version(row: Mapping[Any, Any], *, terms: Terms, plan_terms: Terms | None) -> ContractVersion:
    return ContractVersion(
        contract_id=row["contract_id"],
        version=row["version"],
        reason=VersionReason(row["reason"]),
        terms=terms,
        plan_terms=plan_terms or terms,
        base_price=row["base_price"],
        meter_overrides=tuple(
            MeterOverride(stored["meter"], _changes_from_json(stored["changes"]))
            for stored in row["meter_overrides"]
        ),
        notes=row["notes"],
        effective_at=row["effective_at"],
        created_at=row["created_at"],
    )


def _changes_to_json(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Write price terms: each decimal as an object that says so."""
    tiers = changes.get("tiers")
    written = {name: _number(value) for name, value in changes.items() if name != "tiers"}
    if tiers is not None:
        bounds = ("order", "start_unit", "end_unit", "unit_price", "flat_fee")
        written["tiers"] = [
            {name: _number(getattr(tier, name)) for name in bounds} for tier in tiers
        ]
    elif "tiers" in changes:
        written["tiers"] = None
    return written


def _changes_from_json(stored: Mapping[str, Any]) -> dict[str, Any]:
    read = {name: _read_number(value) for name, value in stored.items()}
    if read.get("tiers") is not None:
        read["tiers"] = tuple(
            TierBounds(**{name: _read_number(value) for name, value in tier.items()})
            for tier in read["tiers"]
        )
    return read


def _number(value: Any) -> Any:
    return {"decimal": plain(value)} if isinstance(value, Decimal) else value


def _read_number(stored: Any) -> Any:
    is_number = isinstance(stored, Mapping) and stored.keys() == {"decimal"}
    return Decimal(stored["decimal"]) if is_number else stored
