"""The contracts of import-linter (in pyproject.toml) bite: a small house shows each one broken."""

import shutil
from pathlib import Path

import pytest

from .source import ROOT
from .test_tools import LINT_IMPORTS, run

GOOD = {
    "__init__.py": "from tallybook.client import pages",
    "__main__.py": "from tallybook.server import cli",
    "wire/__init__.py": "",
    "wire/decimals.py": "from .limits import DIGITS",
    "wire/limits.py": "DIGITS = 18",
    "wire/wallets.py": "import pydantic\nfrom .decimals import DIGITS",
    "client/__init__.py": "",
    "client/pages.py": "import httpx2\nfrom tallybook.wire import wallets",
    "server/__init__.py": "",
    "server/cli/__init__.py": "from tallybook import pages\nfrom tallybook.server import api",
    "server/cli/demo.py": "from tallybook.client import pages",
    "server/api/__init__.py": "import fastapi\nfrom tallybook.server.wallets import service",
    "server/wallets/__init__.py": "",
    "server/wallets/errors.py": "from tallybook.server.kernel import money",
    "server/wallets/models.py": "from tallybook.wire import decimals",
    "server/wallets/rules/__init__.py": "",
    "server/wallets/rules/burn_down.py": "from .. import models, errors",
    "server/wallets/service.py": "from . import store, views\nfrom .rules import burn_down",
    "server/wallets/store.py": "import sqlalchemy\nfrom tallybook.server.storage import Tx",
    "server/wallets/views.py": "from tallybook.wire import wallets",
    "server/storage/__init__.py": "from tallybook.server.kernel import money",
    "server/rating/__init__.py": "",
    "server/kernel/__init__.py": "",
    "server/kernel/money.py": "from tallybook.wire.decimals import DIGITS",
}

BROKEN = [
    ("rooms", "server/kernel/money.py", "from tallybook.server.wallets import models"),
    ("rooms", "server/wallets/service.py", "from tallybook.server import api"),
    ("rooms", "server/gossip.py", "x = 1"),
    ("house", "wire/wallets.py", "from tallybook.client import pages"),
    ("house", "wire/wallets.py", "from tallybook.server.kernel import money"),
    ("house", "client/pages.py", "from tallybook.server.kernel import money"),
    ("house", "gossip.py", "x = 1"),
    ("client", "server/api/__init__.py", "from tallybook.client import pages"),
    ("client", "server/wallets/service.py", "from tallybook import pages"),
    ("pure", "server/wallets/rules/burn_down.py", "import sqlalchemy"),
    ("pure", "server/wallets/rules/burn_down.py", "from tallybook.wire import wallets"),
    ("pure", "server/wallets/rules/burn_down.py", "from tallybook.wire import decimals, wallets"),
    ("pure", "server/wallets/rules/burn_down.py", "from .. import store"),
    ("pure", "server/wallets/rules/burn_down.py", "from .. import service"),
    ("pure", "server/wallets/rules/burn_down.py", "from .. import views"),
    ("pure", "server/wallets/models.py", "from tallybook.server.storage import Tx"),
    ("pure", "server/wallets/models.py", "import fastapi"),
    ("pure", "server/kernel/money.py", "import httpx2"),
    ("pure", "server/rating/__init__.py", "from tallybook.wire import wallets"),
    ("base", "client/pages.py", "import sqlalchemy"),
    ("base", "wire/wallets.py", "import msgspec"),
]


def lint(house: Path, files: dict[str, str], *contracts: str) -> tuple[bool, str]:
    """Build a small tallybook under our own settings; tell whether the contracts hold."""
    shutil.copy(ROOT / "pyproject.toml", house)
    for name, text in files.items():
        path = house / "tallybook" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    chosen = [option for contract in contracts for option in ("--contract", contract)]
    done = run([*LINT_IMPORTS, "--no-cache", "--no-logo", *chosen], cwd=house, src=house)
    return done.returncode == 0, done.stdout + done.stderr


def test_a_house_in_order_passes(tmp_path: Path) -> None:
    kept, said = lint(tmp_path, GOOD)
    assert kept, said


@pytest.mark.parametrize(("contract", "path", "line"), BROKEN)
def test_a_broken_contract_is_found(contract: str, path: str, line: str, tmp_path: Path) -> None:
    files = {**GOOD, path: f"{GOOD.get(path, '')}\n{line}"}
    kept, said = lint(tmp_path, files, contract)
    assert not kept
    assert "BROKEN" in said, said
