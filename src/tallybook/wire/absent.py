"""Fields that may be absent from a request, and may not be null."""

from typing import Any

from pydantic import Field


def _absent() -> Any:
    return None


def absent() -> Any:
    """Return the default of a field that is left as it is when absent."""
    return Field(default_factory=_absent)
