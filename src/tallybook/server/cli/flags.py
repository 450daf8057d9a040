"""Options that several commands take."""

from typing import Annotated

import typer

DataDir = Annotated[
    str | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="Directory of the embedded database (TALLYBOOK_DATA_DIR) [./tallybook-data].",
    ),
]
Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="sqlite:///FILE or postgresql://… (TALLYBOOK_DATABASE_URL).",
    ),
]
Project = Annotated[
    str | None,
    typer.Option(
        "--project", metavar="ID|NAME", help="The project; not needed while there is only one."
    ),
]
