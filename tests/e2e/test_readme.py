"""What the README tells a newcomer to type."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Server

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.fixture
def engine_name() -> str:
    return "sqlite"


def test_the_first_program_prints_what_the_readme_says(server: Server) -> None:
    made = server.json("projects", "create", "My business", "--currency", "USD")
    (program,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=server.environment
        | {"TALLYBOOK_API_KEY": made["test_key"], "TALLYBOOK_BASE_URL": server.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert f"`{first}`" in README
    assert f"`{second}`" in README


def test_every_page_that_the_readme_names_is_there() -> None:
    named = re.findall(r"\]\(([^)#]+)\)", README)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
