"""The words on documents and in letters, by language: `labels.toml` has them."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel import Locale


@cache
def _all() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(Path(__file__).with_name("labels.toml").read_text("utf-8"))


def labels_of(locale: Locale) -> Mapping[str, str]:
    """Return the words of a language by their names; English where we have no other."""
    return _all().get(locale.language, _all()["en"])
