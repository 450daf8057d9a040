"""Contracts: their history, and the terms that hold."""

from typing import Final

from tallybook.server.catalog.models import Terms
from tallybook.server.catalog.service import Found
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest
from tallybook.server.subscriptions.errors import ContractNotFound
from tallybook.server.subscriptions.models import (
    Agreement,
    Contract,
    ContractVersion,
)
from tallybook.server.subscriptions.store import contracts as store
from tallybook.server.subscriptions.store import subscriptions as subscription_store

from .lookups import get

VERSIONS_MAX: Final = 1_000


def get_paper(tx: Tx, space: SpaceId, contract_id: str) -> Contract:
    """Errors: ContractNotFound."""
    contract = store.find(tx, space, contract_id)
    if contract is None:
        raise ContractNotFound(contract_id=contract_id)
    return contract


def get_contract(tx: Tx, space: SpaceId, contract_id: str) -> Agreement:
    """Return a contract with its newest version. Errors: ContractNotFound."""
    contract = get_paper(tx, space, contract_id)
    version = get_version(tx, space, contract_id, contract.version)
    return Agreement(contract, version, get(tx, space, contract.subscription_id))


def list_contracts(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    status: str | None = None,
    plan: str | None = None,
    customer_id: str | None = None,
) -> Found[Agreement]:
    """Return one page of contracts, each with its newest version."""
    rows = store.page(tx, space, page, status=status, plan=plan, customer_id=customer_id)
    papers = [store.from_row(row) for row in rows.rows]
    newest = store.newest_versions(tx, space, {paper.id: paper.version for paper in papers})
    ids = [paper.subscription_id for paper in papers]
    running = subscription_store.find_by_ids(tx, space, ids)
    return Found(
        rows,
        {
            paper.id: Agreement(paper, newest[paper.id], running[paper.subscription_id])
            for paper in papers
        },
    )


def list_versions(tx: Tx, space: SpaceId, sub_id: str) -> list[Agreement]:
    """Return the history of a subscription's contract, newest first.

    Errors: SubscriptionNotFound.
    """
    sub = get(tx, space, sub_id)
    contract = get_paper(tx, space, sub.contract_id)
    versions = store.list_versions(tx, space, contract.id, limit=VERSIONS_MAX)
    return [Agreement(contract, version, sub) for version in versions]


def get_version(tx: Tx, space: SpaceId, contract_id: str, version: int) -> ContractVersion:
    """Errors: ContractNotFound."""
    found = store.find_version(tx, space, contract_id, version)
    if found is None:
        raise ContractNotFound(contract_id=contract_id, version=version)
    return found


def get_terms(tx: Tx, space: SpaceId, contract_id: str, version: int) -> Terms:
    """Return the terms of a version. Errors: ContractNotFound."""
    return get_version(tx, space, contract_id, version).terms


def get_agreement(tx: Tx, space: SpaceId, sub_id: str) -> Agreement:
    """Return what a subscription runs on now. Errors: SubscriptionNotFound."""
    sub = get(tx, space, sub_id)
    contract = get_paper(tx, space, sub.contract_id)
    version = get_version(tx, space, contract.id, sub.contract_version)
    return Agreement(contract, version, sub)
