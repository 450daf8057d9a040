"""What the operator of a server does: projects and API keys. API keys may not."""

from dataclasses import asdict
from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel

from tallybook.server.catalog import service as catalog
from tallybook.server.identity import service as identity
from tallybook.server.identity.errors import ApiKeyNotFound, ProjectNotFound
from tallybook.server.identity.models import ApiKey, Mode, Project, ProjectTax, Scope
from tallybook.server.kernel import clock
from tallybook.server.kernel.errors import Unavailable
from tallybook.server.storage import Database, Tx
from tallybook.wire import projects as wire
from tallybook.wire.base import Page

from .bodies import StrictRoute
from .calls import Operator, json_response
from .pages import whole_page
from .problems import responses

router = APIRouter(tags=["operator"], route_class=StrictRoute)


@router.get(
    "/health",
    response_model=wire.Health,
    responses=responses(Unavailable),
    operation_id="health.get",
)
def get_health(request: Request) -> Response:
    """Tell that the server answers and reaches its database. Needs no key."""
    db: Database = request.app.state.db
    db.read(lambda tx: tx.connection.exec_driver_sql("SELECT 1").scalar())
    return _answer(wire.Health(version=version("tallybook")))


@router.post(
    "/projects",
    response_model=wire.ProjectCreated,
    status_code=201,
    responses=responses(),
    operation_id="projects.create",
)
def create_project(body: wire.ProjectCreate, operator: Operator) -> Response:
    """Create a project with a live and a test space, and a full key for each."""

    def work(tx: Tx) -> wire.ProjectCreated:
        at = clock.now()
        project, spaces = catalog.create_project(
            tx, name=body.name, currency=body.currency, timezone=body.timezone, at=at
        )
        keys = {
            mode: identity.create_key(tx, space, scope=Scope.FULL, name="first", at=at)[1]
            for mode, space in spaces.items()
        }
        return wire.ProjectCreated(
            project_id=project.id,
            live_key=keys[Mode.LIVE],
            test_key=keys[Mode.TEST],
            name=project.name,
            currency=project.default_currency,
            timezone=project.timezone,
            created_at=project.created_at,
        )

    return _answer(operator.db.write_now(work), 201)


@router.get(
    "/projects",
    response_model=Page[wire.Project],
    responses=responses(),
    operation_id="projects.list",
)
def list_projects(operator: Operator) -> Response:
    """List all projects, the oldest first."""
    found = operator.db.read(identity.list_projects)
    return _answer(whole_page([_project(project) for project in found]))


@router.get(
    "/projects/{project_id}",
    response_model=wire.Project,
    responses=responses(ProjectNotFound),
    operation_id="projects.get",
)
def get_project(project_id: str, operator: Operator) -> Response:
    """Return a project with its settings."""
    return _answer(operator.db.read(lambda tx: _project(identity.get_project(tx, project_id))))


@router.patch(
    "/projects/{project_id}/settings",
    response_model=wire.Project,
    responses=responses(ProjectNotFound),
    operation_id="projects.update_settings",
)
def update_settings(
    project_id: str, body: wire.ProjectSettingsUpdate, operator: Operator
) -> Response:
    """Set the given switches of a project; both its spaces go by them from now on."""
    given = {name: getattr(body, name) for name in body.model_fields_set}
    if "taxes" in given:
        given["taxes"] = [ProjectTax(tax.name, tax.rate) for tax in body.taxes]

    def work(tx: Tx) -> wire.Project:
        return _project(identity.change_settings(tx, project_id, given))

    return _answer(operator.db.write_now(work))


@router.post(
    "/api-keys",
    response_model=wire.ApiKeyCreated,
    status_code=201,
    responses=responses(ProjectNotFound),
    operation_id="api_keys.create",
)
def create_api_key(body: wire.ApiKeyCreate, operator: Operator) -> Response:
    """Create an API key of one space; its text is in this answer only."""

    def work(tx: Tx) -> wire.ApiKeyCreated:
        space = identity.find_space(tx, body.project_id, Mode(body.space))
        key, text = identity.create_key(
            tx, space, scope=Scope(body.scope), name=body.name, at=clock.now()
        )
        return wire.ApiKeyCreated(**_api_key(key, body.project_id).model_dump(), key=text)

    return _answer(operator.db.write_now(work), 201)


@router.get(
    "/api-keys",
    response_model=Page[wire.ApiKey],
    responses=responses(ProjectNotFound),
    operation_id="api_keys.list",
)
def list_api_keys(
    operator: Operator, project_id: Annotated[str, Query(max_length=255)]
) -> Response:
    """List a project's API keys, revoked ones too, the oldest first."""

    def work(tx: Tx) -> list[wire.ApiKey]:
        project = identity.get_project(tx, project_id)
        return [_api_key(key, project.id) for key in identity.list_keys(tx, project.id)]

    return _answer(whole_page(operator.db.read(work)))


@router.post(
    "/api-keys/{key_id}/revoke",
    response_model=wire.ApiKey,
    responses=responses(ApiKeyNotFound),
    operation_id="api_keys.revoke",
)
def revoke_api_key(key_id: str, operator: Operator) -> Response:
    """Refuse the key from the next request on. Revoking twice changes nothing."""

    def work(tx: Tx) -> wire.ApiKey:
        key = identity.revoke_key(tx, key_id, at=clock.now())
        return _api_key(key, identity.get_space(tx, key.space).project_id)

    return _answer(operator.db.write_now(work))


def _nothing_here(_operator: Operator) -> Response:
    """Answer under a path of the operator's: an API key is refused before it learns more."""
    raise HTTPException(404)


_ALL = ["GET", "POST", "PUT", "PATCH", "DELETE"]
for _path, _methods in {
    **dict.fromkeys(("/session", "/projects", "/users", "/api-keys", "/jobs"), _ALL),
    "/balances": _ALL[1:],
    "/markets": _ALL[1:],
}.items():
    for _end in ("", "/{rest:path}"):
        router.add_api_route(_path + _end, _nothing_here, methods=_methods, include_in_schema=False)


def _project(project: Project) -> wire.Project:
    return wire.Project(
        id=project.id,
        name=project.name,
        currency=project.default_currency,
        timezone=project.timezone,
        settings=wire.ProjectSettings(**asdict(project.settings)),
        created_at=project.created_at,
    )


def _api_key(key: ApiKey, project_id: str) -> wire.ApiKey:
    return wire.ApiKey(
        id=key.id,
        project_id=project_id,
        space=key.mode.value,
        scope=key.scope.value,
        name=key.name,
        hint=key.hint,
        created_at=key.created_at,
        revoked_at=key.revoked_at,
    )


def _answer(result: BaseModel, status: int = 200) -> Response:
    return json_response(result.model_dump_json().encode(), status)
