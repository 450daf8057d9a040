"""The OpenAPI 3.1 document, and its pages, served from this machine alone."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from tallybook.server.storage import open_database, schema
from tallybook.wire.base import Problem
from tallybook.wire.webhooks import SCHEMAS


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the application's routes."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    made = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        description=app.description,
        routes=app.routes,
    )
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    components["securitySchemes"] = {
        "api_key": {"type": "http", "scheme": "bearer", "description": "An API key, tb_live_…"}
    }
    made["webhooks"] = _webhooks(schemas)
    made["security"] = [{"api_key": []}]
    for path in made["paths"].values():
        for operation in path.values():
            _tidy(operation)
    app.openapi_schema = made
    return made


def _webhooks(schemas: dict[str, Any]) -> dict[str, Any]:
    """Return what is sent to webhook endpoints, an item an event; its models go to `schemas`."""
    described = {}
    for name, model in SCHEMAS.items():
        if model.__name__ not in schemas:
            schema = model.model_json_schema(
                ref_template="#/components/schemas/{model}", mode="serialization"
            )
            for inner, definition in schema.pop("$defs", {}).items():
                schemas.setdefault(inner, definition)
            schemas[model.__name__] = schema
        content = {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
        described[name] = {
            "post": {
                "operationId": f"webhooks.{name}",
                "description": f"{model.__doc__} Answer with any 2xx.",
                "requestBody": {"required": True, "content": {"application/json": content}},
                "responses": {"2XX": {"description": "Received."}},
            }
        }
    return described


def standalone() -> dict[str, Any]:
    """Return the document without a server: of the routes on an empty database."""
    from .app import build_app

    with TemporaryDirectory(prefix="tallybook-") as directory:
        db = open_database(f"sqlite:///{directory}/empty.db")
        try:
            schema.migrate(db)
            return document(build_app(db))
        finally:
            db.close()


def written(made: dict[str, Any]) -> str:
    """Return the document as docs/openapi.json holds it."""
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _tidy(operation: dict[str, Any]) -> None:
    """Replace the framework's own 422 with the problem document that is really sent."""
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    answers = operation["responses"]
    if "HTTPValidationError" in json.dumps(answers.get("422", {})) or "422" not in answers:
        answers["422"] = {"description": "Unprocessable Content"}
    for status, answer in answers.items():
        if status.startswith(("4", "5")):
            answer["content"] = {"application/problem+json": problem}


def install(app: FastAPI, prefix: str) -> None:
    """Serve the document at `/openapi.json` and its pages at `/docs` and `/redoc`.

    Who opens the server's address in a browser is led to the pages.
    """
    url = f"{prefix}/openapi.json"
    assets = Path(fastapi_offline.__file__).parent / "static"
    app.mount(f"{prefix}/docs-assets", StaticFiles(directory=assets), name="docs-assets")

    @app.get("/", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse(f"{prefix}/docs")

    @app.get(url, include_in_schema=False)
    def openapi_json() -> JSONResponse:
        return JSONResponse(document(app))

    @app.get(f"{prefix}/docs", include_in_schema=False)
    def swagger() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url=url,
            title="Tallybook API",
            swagger_js_url=f"{prefix}/docs-assets/swagger-ui-bundle.js",
            swagger_css_url=f"{prefix}/docs-assets/swagger-ui.css",
            swagger_favicon_url=f"{prefix}/docs-assets/favicon.png",
        )

    @app.get(f"{prefix}/redoc", include_in_schema=False)
    def redoc() -> HTMLResponse:
        return get_redoc_html(
            openapi_url=url,
            title="Tallybook API",
            redoc_js_url=f"{prefix}/docs-assets/redoc.standalone.js",
            redoc_favicon_url=f"{prefix}/docs-assets/favicon.png",
            with_google_fonts=False,
        )


if __name__ == "__main__":  # what `make openapi` runs
    sys.stdout.write(written(standalone()))
