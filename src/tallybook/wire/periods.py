"""Billing periods."""

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator

BillingPeriod: TypeAlias = Literal[
    "daily", "weekly", "monthly", "quarterly", "semi_annual", "annual"
]


def _not_yearly(period: str) -> str:
    return "annual" if period == "yearly" else period


BillingPeriodInput: TypeAlias = Annotated[
    Literal["daily", "weekly", "monthly", "quarterly", "semi_annual", "annual", "yearly"],
    AfterValidator(_not_yearly),
]
"""A billing period; `yearly` is another word for annual."""
