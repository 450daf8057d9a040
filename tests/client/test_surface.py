"""Nothing public appears, changes or goes without being seen, and both forms have it."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tallybook
from tallybook import AsyncTallybook, Tallybook
from tallybook.client.version import VERSION
from tallybook.client.webhooks.bound import Webhooks

from . import surface

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def test_the_surface_is_the_one_written_down() -> None:
    written = (HERE / "surface.txt").read_text("utf-8")
    assert surface.describe() == written, surface.__doc__


def test_both_forms_have_the_same_methods_and_parameters() -> None:
    sync, other = surface.both()
    assert sync == other
    assert len(sync) > 5


@pytest.mark.parametrize("client", [Tallybook, AsyncTallybook])
def test_every_verb_has_a_raw_form(client: type) -> None:
    def check(resource: type) -> int:
        if resource is Webhooks:  # it makes no calls
            return 0
        inner = dict(surface.resources_of(resource))
        raw = inner.pop("with_raw_response")
        verbs = {line.split("(")[0] for line in surface.methods_of(resource)}
        assert set(raw.__init__.__code__.co_names) - {"raw"} == verbs, resource
        return len(verbs) + sum(check(deeper) for deeper in inner.values())

    assert sum(check(resource) for _, resource in surface.resources_of(client)) > 5


def test_every_public_name_is_there() -> None:
    assert sorted(tallybook.__all__) == sorted(set(tallybook.__all__))
    assert set(tallybook.__all__) <= set(dir(tallybook))
    assert all(hasattr(tallybook, name) for name in tallybook.__all__)
    with pytest.raises(AttributeError, match="no attribute 'tallyboook'"):
        _ = tallybook.tallyboook  # type: ignore[attr-defined]


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_importing_the_sdk_loads_nothing_of_the_server() -> None:
    loaded = loaded_by("from tallybook import AsyncTallybook, Tallybook")
    heavy = {"sqlalchemy", "fastapi", "starlette", "uvicorn", "msgspec", "typer", "rich"}
    assert not loaded & (heavy | {"tallybook.server"})


def test_importing_the_server_loads_no_sdk() -> None:
    loaded = loaded_by("import tallybook.server.kernel.money")
    assert not loaded & {"tallybook.client", "httpx2"}


def test_the_version_told_is_the_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == VERSION
