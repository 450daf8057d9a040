"""What makes a set of postings a transaction."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.ledger.errors import AmountTooLarge, TooManyPlaces, Unbalanced
from tallybook.server.ledger.models import Account, AccountKind, Posting, credits_unit
from tallybook.server.ledger.rules.postings import (
    AMOUNT_MAX,
    check_balanced,
    merge,
    move,
    to_ledger,
)
from tallybook.server.ledger.rules.prints import print_of

CASH = Account(AccountKind.CASH, "USD", "cus_1")
REVENUE = Account(AccountKind.REVENUE, "USD", "cus_1")
CREDITS = Account(AccountKind.GRANT, credits_unit("wal_1"), "cus_1", "grt_1")

amounts = st.integers(-(10**12), 10**12)


def test_postings_that_sum_to_zero_pass() -> None:
    check_balanced([])
    check_balanced(move(5, debit=CASH, credit=REVENUE))


def test_one_millionth_too_much_is_refused() -> None:
    with pytest.raises(Unbalanced):
        check_balanced([Posting(CASH, 5), Posting(REVENUE, -4)])


def test_each_unit_sums_to_zero_by_itself() -> None:
    with pytest.raises(Unbalanced):
        check_balanced([Posting(CASH, 5), Posting(CREDITS, -5)])


@given(st.lists(st.tuples(st.sampled_from([CASH, REVENUE, CREDITS]), amounts)))
def test_merging_keeps_every_sum(given_: list[tuple[Account, int]]) -> None:
    postings = [Posting(account, amount) for account, amount in given_]
    merged = merge(postings)
    for account in (CASH, REVENUE, CREDITS):
        before = sum(p.amount_micros for p in postings if p.account == account)
        assert before == sum(p.amount_micros for p in merged if p.account == account)
    assert all(p.amount_micros for p in merged)
    names = [p.account.name for p in merged]
    assert names == sorted(set(names))


def test_amounts_from_outside_fit_or_are_refused() -> None:
    assert to_ledger(Decimal("0.000001")) == 1
    assert to_ledger(Decimal("-1.5")) == -1_500_000
    assert to_ledger(Decimal("9223372036854.775807")) == AMOUNT_MAX
    with pytest.raises(AmountTooLarge):
        to_ledger(Decimal("9223372036854.775808"))
    with pytest.raises(AmountTooLarge):
        to_ledger(Decimal(10**18 - 1))
    with pytest.raises(TooManyPlaces):
        to_ledger(Decimal("0.0000001"))


def test_a_fingerprint_knows_equal_requests() -> None:
    assert print_of({"a": Decimal("1.0"), "b": 2}) == print_of({"b": 2, "a": Decimal(1)})
    assert print_of({"a": Decimal(1)}) != print_of({"a": Decimal(2)})
    assert print_of({"a": None}) != print_of({"a": ""})
