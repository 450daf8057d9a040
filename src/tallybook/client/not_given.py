"""The difference between leaving a field as it is and clearing it."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, Literal


class NotGiven(Enum):
    """The type of `NOT_GIVEN`."""

    NOT_GIVEN = "NOT_GIVEN"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN: Final = NotGiven.NOT_GIVEN
"""Leave this field as it is. `None` clears it."""


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that the caller set."""
    return only_given(fields)


def only_given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the caller set."""
    return {name: value for name, value in fields.items() if value is not NOT_GIVEN}
