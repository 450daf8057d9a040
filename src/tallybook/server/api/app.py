"""The HTTP application."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI

from tallybook.server.identity import service as identity
from tallybook.server.ingest.gate import Gate
from tallybook.server.storage import Database
from tallybook.server.webhooks.rules.addresses import Network
from tallybook.server.worker.charging import Gateways

from . import (
    access,
    agents,
    balances,
    billing,
    budgets,
    cloudevents,
    contracts,
    costs,
    credit_notes,
    customers,
    documents,
    events,
    holds,
    invoice_details,
    invoices,
    margins,
    markets,
    meters,
    openapi,
    operator,
    otlp,
    payments,
    plan_parts,
    plans,
    pricing,
    problems,
    providers,
    rehearsals,
    seller,
    subscriptions,
    test_clock,
    usage,
    wallets,
    webhooks,
)
from .express import Application, RawRoute, handlers
from .middleware import Envelope

ROUTERS: tuple[APIRouter, ...] = (
    access.raw_router,  # first, what is called most: routes are tried in turn
    events.router,
    usage.router,
    cloudevents.router,
    budgets.router,
    costs.router,
    margins.router,
    otlp.router,
    access.router,
    holds.router,
    billing.router,
    test_clock.router,
    wallets.router,
    wallets.raw_router,
    payments.router,
    providers.router,
    markets.router,
    balances.router,
    meters.router,
    plan_parts.router,
    pricing.router,
    rehearsals.router,
    plans.router,
    agents.router,
    operator.router,
    invoices.router,
    invoice_details.router,
    documents.router,
    credit_notes.router,
    seller.router,
    seller.logo_router,
    subscriptions.router,
    contracts.router,
    webhooks.router,
    customers.router,  # last: its paths end in an external id, which may hold slashes
)
PREFIX = "/api/v1"


def build_app(
    db: Database,
    *,
    operator_token: str | None = None,
    webhook_networks: Sequence[Network] = (),
    gateways: Gateways | None = None,
    started: Callable[[], None] | None = None,
    stopping: Callable[[], None] | None = None,
) -> FastAPI:
    """Return the application on an open, migrated database.

    `webhook_networks` may be sent webhooks beside the public internet.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if started:
            started()
        yield
        if stopping:
            stopping()

    app = Application(
        title="Tallybook",
        version=version("tallybook"),
        description="Self-hosted usage billing: meter, rate, invoice and explain, to the cent.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.operation_id or route.name,
    )
    answer_from(
        app,
        db,
        operator_token=operator_token,
        webhook_networks=webhook_networks,
        gateways=gateways,
    )
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX)
    openapi.install(app, PREFIX)
    problems.install(app)
    app.express = handlers(ROUTERS, PREFIX)
    raw = [route for route in app.routes if isinstance(route, RawRoute)]
    app.express_routes = [route for route in raw if route.param_convertors]
    app.add_middleware(Envelope)  # the outermost
    return app


def answer_from(
    app: FastAPI,
    db: Database,
    *,
    operator_token: str | None = None,
    webhook_networks: Sequence[Network] = (),
    gateways: Gateways | None = None,
) -> None:
    """Have an application that serves nobody right now answer from a database."""
    app.state.db = db
    app.state.pepper = db.write_now(identity.pepper)
    app.state.operator_token = operator_token
    app.state.webhook_networks = webhook_networks
    app.state.gateways = gateways or {}
    app.state.gate = Gate(db)
