"""Whose work is being done: said once around it, and known by every call inside."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token, copy_context
from functools import wraps
from types import MappingProxyType, TracebackType
from typing import Final, ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_current: Final[ContextVar[Mapping[str, str]]] = ContextVar(
    "tallybook", default=MappingProxyType({})
)


class attribute:  # noqa: N801 - used as a word: `with tallybook.attribute(customer="acme"):`
    """Attribute the model calls inside to a customer, an agent and an action.

    `customer` is an external id, `customer_id` ours; `action` an action's id, or the key of its
    billable meter. An inner one adds to an outer one, and wins. Works with `async with`, too, and
    reaches tasks that are begun inside; threads need `bind`.
    """

    def __init__(
        self,
        *,
        customer: str | None = None,
        customer_id: str | None = None,
        agent: str | None = None,
        action: str | None = None,
    ) -> None:
        if customer is not None and customer_id is not None:
            raise TypeError("give customer or customer_id, not both")
        named = {
            "customer_external_id": customer,
            "customer_id": customer_id,
            "agent": agent,
            "action": action,
        }
        self._named = {name: value for name, value in named.items() if value is not None}
        self._tokens: list[Token[Mapping[str, str]]] = []

    def __enter__(self) -> Self:
        outer = dict(_current.get())
        if {"customer_id", "customer_external_id"} & self._named.keys():
            outer.pop("customer_id", None)
            outer.pop("customer_external_id", None)
        if "agent" in self._named:
            outer.pop("action", None)  # of another agent
        self._tokens.append(_current.set({**outer, **self._named}))
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _current.reset(self._tokens.pop())

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(exc_type, exc, traceback)


def attributed() -> dict[str, str]:
    """Return whose work is being done here, as the fields of a cost."""
    return dict(_current.get())


def bind(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function that works for whom it is bound here, on whatever thread it runs."""
    here = copy_context()

    @wraps(function)
    def bound(*args: P.args, **kwargs: P.kwargs) -> T:
        return here.copy().run(function, *args, **kwargs)

    return bound
