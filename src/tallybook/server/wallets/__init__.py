"""Prepaid credit: wallets, grants, burn-down, top-ups, auto-recharge."""
