"""What an answer of a vendor says that it used, in disjoint buckets.

Read by the names of its fields; no vendor's library is imported. Sources: the vendors' API
references (OpenAI: input includes the cache; Anthropic: input excludes it).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Tokens = dict[str, int]


@dataclass(slots=True)
class Used:
    """One call of a model. `tokens` of None: nothing was told."""

    provider: str
    model: str
    response_id: str | None = None
    tokens: Tokens | None = None


def field(thing: Any, name: str) -> Any:
    """Return a field of an object or a mapping, None where there is none."""
    if isinstance(thing, Mapping):
        return thing.get(name)
    return getattr(thing, name, None)


def count(thing: Any, name: str) -> int:
    value = field(thing, name)
    return value if isinstance(value, int) and value >= 0 else 0


def from_openai(usage: Any) -> Tokens | None:
    """Chat completions, completions, embeddings, and responses."""
    if usage is None:
        return None
    total = count(usage, "prompt_tokens") or count(usage, "input_tokens")
    output = count(usage, "completion_tokens") or count(usage, "output_tokens")
    details = field(usage, "prompt_tokens_details") or field(usage, "input_tokens_details")
    cached = count(details, "cached_tokens")
    if cached > total:  # a sender that counts the cache apart
        total += cached
    return {"input": total - cached, "cache_read": cached, "output": output}


def from_anthropic(usage: Any) -> Tokens | None:
    """Messages."""
    if usage is None:
        return None
    by_age = field(usage, "cache_creation")
    hour = count(by_age, "ephemeral_1h_input_tokens")
    written = count(usage, "cache_creation_input_tokens")
    return {
        "input": count(usage, "input_tokens"),
        "cache_read": count(usage, "cache_read_input_tokens"),
        "cache_write_5m": max(0, written - hour),
        "cache_write_1h": hour,
        "output": count(usage, "output_tokens"),
    }
