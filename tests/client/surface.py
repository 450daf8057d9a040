"""The public surface in one text, from the classes themselves.

Write it anew with `python -m tests.client.surface > tests/client/surface.txt`.
"""

import inspect
import typing
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import tallybook
from tallybook import AsyncTallybook, Tallybook
from tallybook.client.responses import Result


def describe() -> str:
    lines = [f"tallybook.{name}" for name in sorted(tallybook.__all__)]
    lines += sorted(f"client.{line}" for line in surface_of(Tallybook))
    lines += sorted(
        f"{cls.__name__}.{line}" for cls in bound_classes(Tallybook) for line in methods_of(cls)
    )
    return "\n".join(lines) + "\n"


def surface_of(cls: type) -> Iterator[str]:
    """Every method and what it takes, those of the resources under their names."""
    yield f"__init__{parameters(cls.__init__)}"
    yield from methods_of(cls)
    for name, resource in resources_of(cls):
        for line in surface_of_resource(resource):
            yield f"{name}.{line}"


def surface_of_resource(cls: type) -> Iterator[str]:
    yield from methods_of(cls)
    for name, resource in resources_of(cls):
        if name != "with_raw_response":
            for line in surface_of_resource(resource):
                yield f"{name}.{line}"


def resources_of(cls: type) -> Iterator[tuple[str, type]]:
    for name, item in inspect.getmembers(cls):
        if isinstance(item, cached_property) and not name.startswith("_"):
            yield name, typing.get_type_hints(item.func, vars(inspect.getmodule(cls)))["return"]


def methods_of(cls: type) -> Iterator[str]:
    """The methods that a class of ours adds to those of its foundation."""
    for name, item in inspect.getmembers(cls, inspect.isfunction):
        if not name.startswith(("_", "model_")) and item.__module__.startswith("tallybook.client"):
            yield f"{name}{parameters(item)}"


def parameters(function: Any) -> str:
    shown = [
        f"**{_keywords(parameter)}"
        if parameter.kind is parameter.VAR_KEYWORD
        else f"{parameter.name}{'' if parameter.default is parameter.empty else '=…'}"
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name != "self"
    ]
    return f"({', '.join(shown)})"


def _keywords(parameter: inspect.Parameter) -> str:
    unpacked = typing.get_args(parameter.annotation)  # of Unpack[SomeOptions]
    return str(unpacked[0].__name__ if unpacked else parameter.name)


def bound_classes(client: type) -> list[type]:
    """The public classes of objects with methods, those of one client."""
    form = client.__module__.rsplit(".", 1)[0]
    found = (getattr(tallybook, name) for name in tallybook.__all__)
    return [
        item
        for item in found
        if isinstance(item, type) and issubclass(item, Result) and item.__module__.startswith(form)
    ]


def both() -> tuple[list[str], list[str]]:
    sync, other = sorted(surface_of(Tallybook)), sorted(surface_of(AsyncTallybook))
    for cls in bound_classes(Tallybook):
        sync += [f"{cls.__name__}.{line}" for line in methods_of(cls)]
    for cls in bound_classes(AsyncTallybook):
        name = cls.__name__.removeprefix("Async")
        other += [f"{name}.{line}" for line in methods_of(cls)]
    return sync, [line for line in other if not line.startswith("aclose(")]


if __name__ == "__main__":
    print(describe(), end="")
