"""`tallybook openapi`."""

import typer

from .output import AsJson


def openapi(as_json: AsJson = True) -> None:  # noqa: ARG001 - it is JSON by nature
    """Print the OpenAPI document of the API, which is JSON."""
    from tallybook.server.api.openapi import standalone, written

    typer.echo(written(standalone()), nl=False)
