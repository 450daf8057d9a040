"""The tools of `make check`, as tests, so that `make test` alone holds everything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .source import ROOT, SRC

LINT_IMPORTS = [
    sys.executable,
    "-c",
    "from importlinter.cli import lint_imports_command; lint_imports_command()",
]
TOOLS = {
    "ruff-format": [sys.executable, "-m", "ruff", "format", "--check", "--quiet", "--diff", "."],
    "ruff-check": [sys.executable, "-m", "ruff", "check", "--output-format=concise", "."],
    "mypy": [sys.executable, "-m", "mypy", "--no-color-output"],
    "import-linter": [*LINT_IMPORTS, "--no-cache", "--no-logo"],
}


def run(command: list[str], *, cwd: Path, src: Path) -> subprocess.CompletedProcess[str]:
    """Run a tool on the code under `src`, with the settings that stand in `cwd`."""
    environment = {**os.environ, "PYTHONPATH": str(src), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.mark.parametrize("name", TOOLS)
def test_the_tools_are_content(name: str) -> None:
    done = run(TOOLS[name], cwd=ROOT, src=SRC)
    if done.returncode:
        pytest.fail(f"{name} says:\n{done.stdout}{done.stderr}", pytrace=False)
