"""Time is an argument: edges read kernel/clock.py, and rules read nothing at all."""

import ast
from collections.abc import Iterator

import pytest

from .source import Source, dotted, require_none

CLOCKS = {
    "date.today",
    "datetime.now",
    "datetime.today",
    "datetime.utcnow",
    "func.current_timestamp",
    "func.now",
    "time.ctime",
    "time.gmtime",
    "time.localtime",
    "time.time",
    "time.time_ns",
}
MAY_READ_THE_CLOCK = {
    "server/kernel/clock.py": "the only clock",
    "server/kernel/ids.py": "a UUIDv7 holds the real time; an id, never a time that is billed",
}
IMPURE_MODULES = {
    "asyncio",
    "http",
    "logging",
    "multiprocessing",
    "os",
    "random",
    "secrets",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
    "uuid",
}
IMPURE_CALLS = {"clock.now", "input", "new_id", "now", "open", "print", "uuid7_hex"}


def clock_reads(source: Source) -> Iterator[str]:
    """Reads of the real time in the server. Measuring is fine: monotonic, perf_counter."""
    if source.parts[0] != "server" or source.path in MAY_READ_THE_CLOCK:
        return
    for node in source.nodes():
        if isinstance(node, ast.Attribute) and _last_two(node) in CLOCKS:
            yield source.at(node.lineno, f"{ast.unparse(node)}: ask kernel/clock.py")
    for line, name in source.imports():
        if name in CLOCKS:
            yield source.at(line, f"{name}: ask kernel/clock.py")


def impurities(source: Source) -> Iterator[str]:
    """What makes a rule's answer depend on more than its arguments."""
    if not _is_pure(source):
        return
    for line, name in source.imports():
        if any(name == module or name.startswith(f"{module}.") for module in IMPURE_MODULES):
            yield source.at(line, f"a rule imports {name}")
        elif name.endswith(("kernel.clock.now", "ids.new_id", "ids.uuid7_hex")):
            yield source.at(line, f"a rule imports {name}: take it as an argument")
        elif "settings" in name.split("."):
            yield source.at(line, f"a rule imports {name}: take the value as an argument")
    for node in source.nodes():
        if isinstance(node, ast.Call) and dotted(node.func) in IMPURE_CALLS:
            yield source.at(node.lineno, f"a rule calls {dotted(node.func)}()")


def _is_pure(source: Source) -> bool:
    return (
        source.room in {"kernel", "rating"} or source.place in {"models", "rules", "errors"}
    ) and source.path not in MAY_READ_THE_CLOCK


def _last_two(node: ast.Attribute) -> str:
    return ".".join(dotted(node).split(".")[-2:])


def test_the_server_reads_the_time_in_one_place() -> None:
    require_none(clock_reads)


def test_rules_depend_on_their_arguments_alone() -> None:
    require_none(impurities)


@pytest.mark.parametrize(
    "bad",
    [
        "at = datetime.now(UTC)",
        "at = datetime.datetime.now(UTC)",
        "today = date.today()",
        "at_s = time.time()",
        "from time import time_ns",
        "Column('at', default=datetime.now)",
        "select(func.now())",
    ],
)
def test_a_clock_is_found(bad: str) -> None:
    assert list(clock_reads(Source("server/wallets/service.py", bad)))


def test_measuring_is_not_a_clock() -> None:
    good = "import time\nstarted = time.monotonic()\nspent = time.perf_counter()"
    assert not list(clock_reads(Source("server/worker/loop.py", good)))


@pytest.mark.parametrize(
    "bad",
    [
        "import random",
        "import os\nLIMIT = os.environ['LIMIT']",
        "from uuid import uuid4",
        "import secrets as s",
        "from tallybook.server.kernel.clock import now",
        "from tallybook.server.kernel import clock\nat = clock.now()",
        "from tallybook.server.kernel.ids import new_id",
        "from tallybook.server import settings",
        "print(1)",
    ],
)
@pytest.mark.parametrize(
    "path", ["server/wallets/rules/burn_down.py", "server/wallets/models.py", "server/rating/x.py"]
)
def test_an_impure_rule_is_found(path: str, bad: str) -> None:
    assert list(impurities(Source(path, bad)))


def test_a_rule_with_arguments_passes() -> None:
    good = "import hmac\ndef due(at, now): return at <= now"
    assert not list(impurities(Source("server/wallets/rules/due.py", good)))
