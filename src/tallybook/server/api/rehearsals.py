"""Rehearsals over HTTP, and the list of jobs for operators."""

from fastapi import APIRouter, Response

from tallybook.server.catalog import service as catalog
from tallybook.server.catalog.errors import PlanNotFound, PlanPriceNotFound, PriceNotConfigured
from tallybook.server.kernel import clock
from tallybook.server.kernel.errors import FieldError, InvalidInput
from tallybook.server.kernel.periods import BillingPeriod, Span
from tallybook.server.reports import rehearsal
from tallybook.server.reports.errors import JobNotFound
from tallybook.server.reports.rehearsal import Rehearsal
from tallybook.server.storage import Tx, jobs
from tallybook.server.storage.jobs import Job, JobStatus
from tallybook.server.storage.pages import PageRequest
from tallybook.server.subscriptions import service as subscriptions
from tallybook.wire import rehearsals as wire
from tallybook.wire.base import end_of, start_of

from .bodies import StrictRoute
from .calls import Read, Write, WriteCall
from .contract_terms import overrides
from .problems import responses

router = APIRouter(tags=["pricing"], route_class=StrictRoute)


class SpanBackwards(InvalidInput):
    """The span ends before it starts."""

    code = "validation_failed"


@router.post(
    "/plans/{plan}/rehearsals",
    response_model=wire.Rehearsal,
    status_code=202,
    responses=responses(PlanNotFound, PlanPriceNotFound, PriceNotConfigured),
    operation_id="pricing.rehearse",
)
def create_rehearsal(plan: str, body: wire.RehearsalCreate, write: Write) -> Response:
    """Rate the usage of past periods on a price, as a job; a worker runs it.

    `plan` may be a plan price, too.
    """
    midnight = write.where.midnight
    start, end = start_of(body.start, midnight), end_of(body.end, midnight)
    if end <= start:
        raise SpanBackwards(errors=[FieldError("/end", "invalid", "must be after start")])
    period = None if body.billing_period is None else BillingPeriod(body.billing_period)

    def work(tx: Tx) -> wire.Rehearsal:
        terms = catalog.offered_terms(
            tx,
            write.space,
            plan,
            plan_price_id=body.plan_price_id,
            market=body.market,
            billing_period=period,
        )
        plan_id: str | None = terms.plan_id
        if body.customers_of is not None:
            plan_id = catalog.get_plan(tx, write.space, body.customers_of).id
        elif not _has_customers(tx, write, terms.plan_id):
            plan_id = None
        terms = catalog.override_terms(
            tx,
            write.space,
            terms,
            base_price=body.base_price,
            meter_overrides=overrides(body.meter_overrides),
        )
        job = jobs.add(
            tx,
            write.space,
            prefix="reh",
            kind=rehearsal.KIND,
            params=Rehearsal(terms, Span(start, end), plan_id).to_json(),
            at=write.now,
            now=clock.now(),
        )
        return _shown(job)

    return write(work, status=202)


@router.get(
    "/rehearsals/{rehearsal_id}",
    response_model=wire.Rehearsal,
    responses=responses(JobNotFound),
    operation_id="rehearsals.get",
)
def get_rehearsal(rehearsal_id: str, read: Read) -> Response:
    """Return a rehearsal: how far it is, and its result once it is completed."""

    def work(tx: Tx) -> wire.Rehearsal:
        job = jobs.find(tx, read.space, rehearsal_id, kind=rehearsal.KIND)
        if job is None:
            raise JobNotFound(rehearsal_id=rehearsal_id)
        return _shown(job)

    return read(work)


def _has_customers(tx: Tx, write: WriteCall, plan_id: str) -> bool:
    page = PageRequest(limit=1)
    return bool(subscriptions.list_page(tx, write.space, page, plan=plan_id).facts)


def _shown(job: Job) -> wire.Rehearsal:
    asked = Rehearsal.from_json(job.params)
    is_done = job.status is JobStatus.COMPLETED
    share = 1.0 if is_done else job.done / job.total if job.total else 0.0
    return wire.Rehearsal.model_validate(
        {
            "id": job.id,
            "plan_id": asked.terms.plan_id,
            "plan_price_id": asked.terms.plan_price_id,
            "start": asked.span.start,
            "end": asked.span.end,
            "status": job.status.value,
            "progress": share,
            "done": job.done,
            "total": job.total,
            "result": job.result,
            "error": job.error,
            "created_at": job.created_at,
            "finished_at": job.finished_at,
        }
    )
