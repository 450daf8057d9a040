"""Money and quantities are Decimal, int or Fraction; a float rounds without a word."""

import ast
from collections.abc import Iterator

import pytest

from .source import Source, require_none

ROOMS = {
    "billing",
    "catalog",
    "costs",
    "invoicing",
    "ledger",
    "metering",
    "payments",
    "rating",
    "reports",
    "subscriptions",
    "wallets",
}
COLUMN_TYPES = {"Double", "DOUBLE", "DOUBLE_PRECISION", "Float", "FLOAT", "REAL"}


def floats(source: Source) -> Iterator[str]:
    has_money = (
        source.room in ROOMS or source.path == "server/kernel/money.py" or source.parts[0] == "wire"
    )
    if not has_money:
        return
    for node in source.nodes():
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield source.at(node.lineno, f"the float {node.value!r}")
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"float", "math.fsum"}:
            yield source.at(node.lineno, f"{ast.unparse(node)} makes a float")
        elif isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in COLUMN_TYPES:
                yield source.at(node.lineno, f"{name} is a column of floats")


def test_money_code_has_no_floats() -> None:
    require_none(floats)


@pytest.mark.parametrize(
    "bad",
    [
        "RATE = 0.1",
        "RATE = 1e-3",
        "def f(text): return float(text)",
        "Column('amount', Float)",
        "Column('amount', sa.REAL)",
        "math.fsum(amounts)",
    ],
)
def test_a_float_is_found(bad: str) -> None:
    assert list(floats(Source("server/ledger/rules/postings.py", bad)))
    assert list(floats(Source("wire/wallets.py", bad)))
    assert list(floats(Source("server/kernel/money.py", bad)))


@pytest.mark.parametrize("good", ["RATE = Decimal('0.1')", "isinstance(value, float)", "n = 1_000"])
def test_exact_numbers_pass(good: str) -> None:
    assert not list(floats(Source("server/ledger/rules/postings.py", good)))


def test_code_without_money_may_use_floats() -> None:
    assert not list(floats(Source("server/webhooks/sender.py", "TIMEOUT_S = 15.0")))
