"""Burn order, units, lives of grants, recharges: pure rules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.ledger.errors import AmountTooLarge, Unbalanced
from tallybook.server.ledger.models import AccountKind
from tallybook.server.ledger.rules.postings import check_balanced
from tallybook.server.wallets.errors import GrantNeverAlive, RateInvalid, RechargeInvalid
from tallybook.server.wallets.models import Burn, CreditType, Grant, TransactionType, Wallet
from tallybook.server.wallets.rules import lives, recharge, units
from tallybook.server.wallets.rules.books import Books
from tallybook.server.wallets.rules.burn_down import (
    burn_down,
    burn_order,
    credits_worth,
    is_alive,
    value_in,
)

AT = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def a_grant(number: int = 1, credits: int = 100, **fields: object) -> Grant:
    grant = Grant(
        id=f"grt_{number:03}",
        wallet_id="wal_1",
        credit_type=CreditType.FREE,
        credits_micros=credits,
        remaining_micros=credits,
        paid_micros=0,
        value_micros=0,
        priority=0,
        effective_at=AT,
        expires_at=None,
        has_landed=True,
        transaction_id=f"wtx_{number:03}",
        type=TransactionType.GRANT,
        amount=Decimal(1),
        source="api",
        created_at=AT,
    )
    return replace(grant, **fields)  # type: ignore[arg-type]


def a_wallet(**fields: object) -> Wallet:
    wallet = Wallet(
        id="wal_1",
        customer_id="cus_1",
        name="Default",
        description=None,
        currency="USD",
        conversion_rate=Decimal(1),
        is_default=True,
        balance_micros=0,
        overdraft_value_micros=0,
        allow_negative_balance=False,
        auto_recharge_enabled=False,
        auto_recharge_threshold_micros=None,
        auto_recharge_amount_micros=None,
        created_at=AT,
        updated_at=AT,
    )
    return replace(wallet, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"priority": -1}, {"expires_at": AT + DAY}),
        ({"expires_at": AT + DAY}, {"expires_at": AT + 2 * DAY}),
        ({"expires_at": AT + DAY}, {}),
        ({"expires_at": AT + DAY, "credit_type": CreditType.PURCHASED}, {}),
        ({"credit_type": CreditType.BONUS}, {"credit_type": CreditType.PURCHASED}),
        ({"credit_type": CreditType.PROMOTIONAL}, {"credit_type": CreditType.PURCHASED}),
        ({"effective_at": AT - DAY}, {}),
        ({"effective_at": AT - DAY, "credit_type": CreditType.BONUS}, {}),
    ],
)
def test_the_burn_order(first: dict[str, object], second: dict[str, object]) -> None:
    earlier, later = a_grant(2, **first), a_grant(1, **second)
    assert sorted([later, earlier], key=burn_order) == [earlier, later]


def test_equal_grants_burn_by_id() -> None:
    assert burn_order(a_grant(1)) < burn_order(a_grant(2))


def test_a_grant_is_alive_from_its_first_instant_to_before_its_last() -> None:
    grant, step = a_grant(expires_at=AT + DAY), timedelta(microseconds=1)
    assert not is_alive(grant, AT - step)
    assert is_alive(grant, AT)
    assert is_alive(grant, AT + DAY - step)
    assert not is_alive(grant, AT + DAY)


def test_dead_and_future_grants_are_not_burned() -> None:
    grants = [a_grant(1, expires_at=AT), a_grant(2, effective_at=AT + DAY), a_grant(3)]
    burns, short = burn_down(grants, 150, AT)
    assert [(burn.grant_id, burn.credits_micros) for burn in burns] == [("grt_003", 100)]
    assert short == 50


some_grants = st.lists(
    st.builds(
        a_grant,
        number=st.integers(1, 999),
        credits=st.integers(1, 10**9),
        priority=st.integers(-2, 2),
        credit_type=st.sampled_from(CreditType),
        value_micros=st.integers(0, 10**9),
        effective_at=st.sampled_from([AT - DAY, AT, AT + DAY]),
        expires_at=st.sampled_from([None, AT, AT + DAY]),
    ),
    max_size=6,
    unique_by=lambda grant: grant.id,
)


@given(grants=some_grants, credits=st.integers(0, 10**10))
def test_burns_and_the_rest_add_up(grants: list[Grant], credits: int) -> None:
    burns, short = burn_down(grants, credits, AT)
    by_id = {grant.id: grant for grant in grants}
    assert sum(burn.credits_micros for burn in burns) + short == credits
    for burn in burns:
        grant = by_id[burn.grant_id]
        assert 0 < burn.credits_micros <= grant.remaining_micros
        assert 0 <= burn.value_micros <= grant.value_micros
    if short:
        alive = sum(grant.remaining_micros for grant in grants if is_alive(grant, AT))
        assert alive == credits - short
    burned = [burn_order(by_id[burn.grant_id]) for burn in burns]
    assert burned == sorted(burned)


@given(
    credits=st.integers(1, 10**9), paid=st.integers(0, 10**9), parts=st.lists(st.integers(1, 10**8))
)
def test_the_values_of_parts_add_up_to_what_was_paid(
    credits: int, paid: int, parts: list[int]
) -> None:
    grant, total = a_grant(credits=credits, value_micros=paid), 0
    for part in [*parts, credits]:
        taken = min(part, grant.remaining_micros)
        if taken == 0:
            break
        value = value_in(grant, taken)
        total += value
        grant = replace(
            grant,
            remaining_micros=grant.remaining_micros - taken,
            value_micros=grant.value_micros - value,
        )
    assert grant.remaining_micros == 0
    assert total == paid


@given(credits=st.integers(1, 10**9), paid=st.integers(1, 10**9), asked=st.integers(1, 10**9))
def test_taking_money_back_takes_its_share_of_credits(credits: int, paid: int, asked: int) -> None:
    grant = a_grant(credits=credits, value_micros=paid)
    taken = credits_worth(grant, asked)
    assert 0 < taken <= credits
    exact = Fraction(credits * min(asked, paid), paid)
    assert exact <= taken < exact + 1


rates = st.integers(1, 10**9).map(lambda micros: Decimal(micros).scaleb(-6))


@given(cents=st.integers(1, 10**9), rate=rates, currency=st.sampled_from(["USD", "JPY", "KWD"]))
def test_what_a_wallet_shows_can_be_paid(cents: int, rate: Decimal, currency: str) -> None:
    credits = cents * 7
    shown = units.money_of(credits, rate, currency)
    assert 0 <= Fraction(shown) <= Fraction(credits, 10**6) / Fraction(rate)
    if shown:
        assert units.credits_to_pay(int(shown * 10**6), rate) <= credits


@given(money=st.integers(1, 10**12), rate=rates)
def test_buying_and_paying_round_against_each_other(money: int, rate: Decimal) -> None:
    exact = Fraction(money) * Fraction(rate)
    assert units.credits_for(money, rate) <= exact < units.credits_for(money, rate) + 1
    assert units.credits_to_pay(money, rate) - 1 < exact <= units.credits_to_pay(money, rate)


@given(credits=st.integers(1, 10**12), rate=rates)
def test_a_recharge_costs_no_less_than_its_credits(credits: int, rate: Decimal) -> None:
    price = units.price_of(credits, rate, "USD")
    exact = Fraction(credits, 10**6) / Fraction(rate)
    assert exact <= Fraction(price) < exact + Fraction(1, 100)
    assert -price.as_tuple().exponent == 2  # type: ignore[operator]


def test_balances_are_rounded_down_below_zero_too() -> None:
    assert units.money_of(999_999, Decimal(1), "USD") == Decimal("0.99")
    assert units.money_of(-1, Decimal(1), "USD") == Decimal("-0.01")
    assert units.money_of(10_000_000, Decimal(3), "KWD") == Decimal("3.333")
    assert str(units.money_of(10_000_000, Decimal(3), "JPY")) == "3"


@pytest.mark.parametrize("rate", ["0", "-1", "0.0000001", "1.0000001"])
def test_rates_that_are_refused(rate: str) -> None:
    with pytest.raises(RateInvalid):
        units.check_rate(Decimal(rate))


def test_credits_that_do_not_fit_are_refused() -> None:
    with pytest.raises(AmountTooLarge):
        units.credits_for(10**18, Decimal(100))


def test_a_grant_lands_and_expires_in_the_order_of_time() -> None:
    late = a_grant(1, effective_at=AT + DAY, expires_at=AT + 2 * DAY, has_landed=False)
    early = a_grant(2, expires_at=AT + DAY)
    forever = a_grant(3)
    steps = lives.steps([late, early, forever], AT + 2 * DAY)
    assert [(at, step, grant.id) for at, step, grant in steps] == [
        (AT + DAY, lives.Step.EXPIRE, "grt_002"),
        (AT + DAY, lives.Step.LAND, "grt_001"),
        (AT + 2 * DAY, lives.Step.EXPIRE, "grt_001"),
    ]
    assert lives.steps([late, early, forever], AT) == []


def test_a_grant_that_is_never_alive_is_refused() -> None:
    lives.check_life(effective_at=AT, expires_at=AT + DAY, at=AT)
    lives.check_life(effective_at=AT, expires_at=None, at=AT)
    for effective_at, at in ((AT + DAY, AT), (AT, AT + DAY), (AT + 2 * DAY, AT)):
        with pytest.raises(GrantNeverAlive):
            lives.check_life(effective_at=effective_at, expires_at=AT + DAY, at=at)


def test_a_balance_as_of_a_time_sees_what_due_work_has_not_done() -> None:
    gone = a_grant(1, 30, expires_at=AT)
    due = a_grant(2, 50, has_landed=False)
    later = a_grant(3, 70, has_landed=False, effective_at=AT + DAY)
    total, by_type = lives.balance_as_of(30, [gone, due, later], AT)
    assert (total, by_type[CreditType.FREE]) == (50, 50)


def test_credit_that_lands_on_an_overdraft_is_shown_less_by_it() -> None:
    due = a_grant(1, 50, has_landed=False)
    total, by_type = lives.balance_as_of(-20, [due], AT)
    assert (total, by_type[CreditType.FREE]) == (30, 30)
    assert lives.balance_as_of(-80, [due], AT) == (-30, dict.fromkeys(CreditType, 0))


@pytest.mark.parametrize(
    ("threshold", "before", "after", "low"),
    [
        (None, 5, 1, False),
        (None, 5, 0, True),
        (None, 0, -5, False),
        (10, 15, 10, False),
        (10, 10, 9, True),
        (10, 9, 8, False),
    ],
)
def test_when_a_wallet_gets_low(threshold: int | None, before: int, after: int, low: bool) -> None:
    wallet = a_wallet(auto_recharge_threshold_micros=threshold)
    assert recharge.got_low(wallet, before=before, after=after) is low


def test_when_a_wallet_wants_a_recharge() -> None:
    wallet = a_wallet(
        auto_recharge_enabled=True,
        auto_recharge_threshold_micros=10,
        auto_recharge_amount_micros=50,
    )
    assert recharge.wants_recharge(wallet, 9, open_now=0, recent=2)
    assert not recharge.wants_recharge(wallet, 10, open_now=0, recent=0)
    assert not recharge.wants_recharge(wallet, 9, open_now=1, recent=1)
    assert not recharge.wants_recharge(wallet, 9, open_now=0, recent=3)
    off = replace(wallet, auto_recharge_enabled=False)
    assert not recharge.wants_recharge(off, 9, open_now=0, recent=0)


@pytest.mark.parametrize(("threshold", "amount"), [(None, 5), (5, None), (5, 0), (-1, 5)])
def test_settings_of_auto_recharge_that_are_refused(
    threshold: int | None, amount: int | None
) -> None:
    with pytest.raises(RechargeInvalid):
        recharge.check_settings(enabled=True, threshold_micros=threshold, amount_micros=amount)


@given(face=st.integers(0, 10**12), value=st.integers(0, 10**12), credits=st.integers(1, 10**12))
def test_every_set_of_postings_balances(face: int, value: int, credits: int) -> None:
    books = Books(a_wallet())
    burn = Burn("grt_1", CreditType.PURCHASED, credits, value)
    for postings in (
        books.issue("grt_1", credits),
        books.take([burn, burn], AccountKind.SPENT),
        books.overdraw(credits),
        books.repay("grt_1", credits),
        books.sell(value, paid_from=AccountKind.UNAPPLIED),
        books.give(value, instead_of=AccountKind.RECEIVABLE),
        books.use(face=face, value=value, into=AccountKind.REVENUE),
        books.owe(face),
        books.drop(value),
        books.unsell(value),
    ):
        check_balanced(postings)
    with pytest.raises(Unbalanced):
        check_balanced(books.issue("grt_1", credits)[:1])
