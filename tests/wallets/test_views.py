"""The answer that is made the short way is the one that is documented."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.kernel.money import from_micro_units
from tallybook.server.ledger.rules.postings import AMOUNT_MAX
from tallybook.server.wallets import views
from tallybook.server.wallets.models import CreditType, Done, Transaction, TransactionType
from tallybook.wire import wallets as wire
from tests.conftest import NOW

from .test_rules import a_wallet

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MICROS = st.integers(-(10**15), 10**15)
TIMES = st.timedeltas(timedelta(0), timedelta(days=40_000)).map(lambda after: NOW + after)
DOCUMENTS = st.dictionaries(
    TEXTS, TEXTS | st.none() | st.booleans() | st.integers() | st.lists(st.integers(), max_size=3)
)
LINES = st.builds(
    Transaction,
    id=TEXTS,
    wallet_id=TEXTS,
    type=st.sampled_from(TransactionType),
    credit_type=st.none() | st.sampled_from(CreditType),
    amount=MICROS.map(from_micro_units),
    credits_micros=MICROS,
    balance_after_micros=MICROS,
    created_at=TIMES,
    source=TEXTS,
    reference=st.none() | TEXTS,
    description=st.none() | TEXTS,
    idempotency_key=st.none() | TEXTS,
    payment_id=st.none() | TEXTS,
    invoice_id=st.none() | TEXTS,
    effective_at=st.none() | TIMES,
    metadata=DOCUMENTS,
)


@given(
    line=LINES,
    credits=MICROS,
    name=TEXTS,
    metadata=DOCUMENTS,
    currency=st.sampled_from(["USD", "JPY", "KWD"]),
    rate=st.integers(1_000, 10**9).map(from_micro_units) | st.just(Decimal("10")),
    threshold=st.none() | st.integers(0, AMOUNT_MAX),
    switch=st.booleans(),
    updated_at=TIMES,
)
def test_both_ways_say_the_same_to_the_byte(
    line: Transaction,
    credits: int,
    name: str,
    metadata: dict[str, Any],
    currency: str,
    rate: Decimal,
    threshold: int | None,
    switch: bool,
    updated_at: Any,
) -> None:
    wallet = replace(
        a_wallet(),
        name=name,
        description=line.description,
        metadata=metadata,
        currency=currency,
        conversion_rate=rate,
        balance_micros=credits,
        auto_recharge_enabled=switch,
        auto_recharge_threshold_micros=threshold,
        auto_recharge_amount_micros=threshold,
        allow_negative_balance=not switch,
        updated_at=updated_at,
    )
    transaction = views.transaction_to_wire(line, wallet)
    documented = wire.WalletTransactionResult(
        transaction=transaction, wallet=views.to_wire(wallet, credits)
    )
    made = views.done_to_json(Done(line, wallet), credits)
    assert made.decode() == documented.model_dump_json()
    announced = views.announced_move(wallet, line)
    assert announced["transaction"] == transaction.model_dump(mode="json")
    shown = documented.wallet.model_dump(mode="json")
    for field in ("balance", "credits_balance", "currency", "customer_id"):
        assert announced[field] == shown[field]
