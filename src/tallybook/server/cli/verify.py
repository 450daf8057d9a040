"""`tallybook verify`: does everything still add up?"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from tallybook.server.costs import budgets
from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Space
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.ledger import service as ledger
from tallybook.server.ledger.models import Difference
from tallybook.server.payments import service as payments
from tallybook.server.reports import verify as reports
from tallybook.server.storage import Tx
from tallybook.server.wallets import service as wallets

from . import output
from .errors import Failure
from .flags import Database, DataDir
from .output import AsJson
from .settings import load

SHOWN_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Finding:
    """Two figures that should be one. `expected` is recomputed, `actual` is what is stored."""

    project_id: str
    space: str
    check: str
    subject: str
    expected: str
    actual: str


Found = Iterator[tuple[str, str, str, str]]  # check, subject, expected, actual
Check = Callable[[Tx, SpaceId], Found]


def _kept(verify: Callable[[Tx, SpaceId], Iterable[Difference]]) -> Check:
    def check(tx: Tx, space: SpaceId) -> Found:
        for it in verify(tx, space):
            yield it.check, it.subject_id, str(it.expected), str(it.actual)

    return check


def _counters(tx: Tx, space: SpaceId) -> Found:
    for it in reports.verify_counters(tx, space):
        yield it.what, it.subject, it.recomputed, it.stored


def _budgets(tx: Tx, space: SpaceId) -> Found:
    for budget_id, start, stored, recounted in budgets.verify(tx, identity.get_space(tx, space)):
        yield "budget", f"{budget_id} from {start:%Y-%m-%d}", str(recounted), str(stored)


CHECKS: Final[dict[str, Check]] = {
    "ledger": _kept(ledger.verify),
    "payments": _kept(payments.verify),
    "wallets": _kept(wallets.verify),
    "counters": _counters,
    "budgets": _budgets,
}


def verify(data_dir: DataDir = None, database: Database = None, as_json: AsJson = False) -> None:
    """Recompute sums and counters from the raw rows and compare: exit 1 if any differs."""
    from tallybook.server.storage import schema

    from .installation import opened, require_database_file

    settings = load(data_dir=data_dir, database_url=database)
    require_database_file(settings)
    with opened(settings) as db:
        schema.require_current(db)
        spaces = db.read(identity.list_spaces)
        findings = [finding for space in spaces for finding in db.read(_check_all(space))]
    result: dict[str, Any] = {
        "ok": not findings,
        "checks": list(CHECKS),
        "spaces": len(spaces),
        "differences": [asdict(finding) for finding in findings],
    }
    output.show(result, _lines(findings, len(spaces)), as_json=as_json)
    if findings:
        raise Failure(
            f"{len(findings)} figures differ from the rows under them. "
            "Stop billing, keep a copy of the database, and report it"
        )


def _check_all(space: Space) -> Callable[[Tx], list[Finding]]:
    def work(tx: Tx) -> list[Finding]:
        return [
            Finding(space.project_id, space.mode.value, *found)
            for check in CHECKS.values()
            for found in check(tx, space.id)
        ]

    return work


def _lines(findings: list[Finding], spaces: int) -> Iterator[str]:
    for it in findings[:SHOWN_MAX]:
        yield (
            f"{it.project_id} {it.space}: {it.check}: {it.subject}: "
            f"should be {it.expected}, is {it.actual}"
        )
    if len(findings) > SHOWN_MAX:
        yield f"and {len(findings) - SHOWN_MAX} more: --json lists all"
    if not findings:
        yield f"all adds up: {', '.join(CHECKS)} in {spaces} spaces"
