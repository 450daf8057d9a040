"""Stories are told to a server process."""

from tests.e2e.conftest import installation, server

__all__ = ["installation", "server"]
