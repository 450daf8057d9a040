"""What a model writes as JSON, from facts that fit it: without making the model.

An invoice's event holds each of its lines. To validate what our own rules have made costs five
times as much as writing it.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, PlainSerializer

Write = Callable[[Any], Any]


def write(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `model(**values)` writes as JSON; models inside it are given as written.

    Values are of the fields' types; what is left out has its default.
    """
    defaults, writers = _fields_of(model)
    written = {**defaults, **values}
    for name, how in writers:
        value = written[name]
        if value is not None:
            written[name] = how(value)
    return written


@cache
def _fields_of(model: type[BaseModel]) -> tuple[dict[str, Any], list[tuple[str, Write]]]:
    """Return the default of each field, and how the values of some are written."""
    defaults, writers = {}, []
    for name, field in model.model_fields.items():
        defaults[name] = (
            None if field.is_required() else field.get_default(call_default_factory=True)
        )
        how = _writer([*field.metadata, field.annotation])
        if how is not None:
            writers.append((name, how))
    return defaults, writers


def _writer(parts: Iterable[Any]) -> Write | None:
    """Find the serializer in an annotation such as `Annotated[Decimal, …] | None`."""
    for part in parts:
        if isinstance(part, PlainSerializer):
            return part.func  # type: ignore[return-value]
        if part is date:
            return date.isoformat
        inside = _writer([*getattr(part, "__metadata__", ()), *get_args(part)])
        if inside is not None:
            return inside
    return None
