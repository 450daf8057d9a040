"""What a model writes as JSON, from facts that fit it: without making the model.

An invoice's event holds each of its lines. To validate what our own rules have made costs five
times as much as writing it.
"""

from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, PlainSerializer

Write = Callable[[Any], Any]


def write(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `model(**values)` writes as JSON; models inside it are given as written.

    Values are of the fields' types, or as these are written; what is left out has its default.
    """
    written = {}
    for name, default, how in _fields_of(model):
        value = values.get(name, default)
        if how is not None and value is not None and not isinstance(value, str):
            value = how(value)
        elif isinstance(value, date):
            value = value.isoformat()
        written[name] = value
    return written


@cache
def _fields_of(model: type[BaseModel]) -> list[tuple[str, Any, Write | None]]:
    """Return each field's name, its default as written, and how its values are written."""
    found = []
    for name, field in model.model_fields.items():
        how = _writer([*field.metadata, field.annotation])
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        if how is not None and default is not None:
            default = how(default)
        found.append((name, default, how))
    return found


def _writer(parts: list[Any]) -> Write | None:
    """Find the serializer in an annotation such as `Annotated[Decimal, …] | None`."""
    for part in parts:
        if isinstance(part, PlainSerializer):
            return part.func  # type: ignore[return-value]
        inside = _writer([*getattr(part, "__metadata__", ()), *get_args(part)])
        if inside is not None:
            return inside
    return None
