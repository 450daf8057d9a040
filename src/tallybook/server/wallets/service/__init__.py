"""The door to wallets."""

from .credit import credit_payment, give_back, grant_credit, hold_for, start_with, top_up
from .debit import deduct, hold_bought, pay_from, refundable, take_back
from .deposits import receive, set_status
from .holding import expire_grant, hold_all, land_grant
from .lookup import (
    available,
    balances,
    credits_after,
    find_default,
    from_row,
    get,
    get_balance,
    get_or_create,
    get_transaction,
    has_purchased,
    keep_empty,
    list_of,
    list_page,
    list_transactions,
    purchased_in_payments,
    totals,
    transaction_from_row,
)
from .manage import create, update
from .verify import verify

__all__ = [
    "available",
    "balances",
    "create",
    "credit_payment",
    "credits_after",
    "deduct",
    "expire_grant",
    "find_default",
    "from_row",
    "get",
    "get_balance",
    "get_or_create",
    "get_transaction",
    "give_back",
    "grant_credit",
    "has_purchased",
    "hold_all",
    "hold_bought",
    "hold_for",
    "keep_empty",
    "land_grant",
    "list_of",
    "list_page",
    "list_transactions",
    "pay_from",
    "purchased_in_payments",
    "receive",
    "refundable",
    "set_status",
    "start_with",
    "take_back",
    "top_up",
    "totals",
    "transaction_from_row",
    "update",
    "verify",
]
