"""The command `tallybook`. The SDK alone has no command line, and says what to install."""

import sys
from importlib.util import find_spec

NEEDED = ("alembic", "fastapi", "msgspec", "rich", "sqlalchemy", "typer", "uvicorn")


def main() -> None:
    """Run the command line, or say what it needs."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        sys.exit(
            "tallybook: the server and its command line are not installed "
            f"(no {', '.join(missing)}). Install them: pip install 'tallybook[server]'"
        )
    from tallybook.server.cli.app import run

    run()


if __name__ == "__main__":
    main()
