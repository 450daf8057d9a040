"""Tallybook: self-hosted usage billing. The names of the SDK, loaded when first used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import *  # noqa: F403
    from .client import __all__ as __all__
else:
    # The server's rooms lie in this package too, and need no HTTP client to start.
    def __getattr__(name: str) -> Any:
        if name == "webhooks":  # `import tallybook` is enough for `tallybook.webhooks`
            return import_module("tallybook.webhooks")
        client = import_module("tallybook.client")
        if name == "__all__" or name in client.__all__:
            return getattr(client, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *import_module("tallybook.client").__all__})
