"""Counters, for those who count and those who bill."""

from tallybook.server.metering.store.counters import (
    add_members,
    count_members,
    current,
    find_members,
    forget_members,
    keep_periods,
    list_keys,
    list_windows,
    lock,
    read,
    save,
    scan,
)

__all__ = [
    "add_members",
    "count_members",
    "current",
    "find_members",
    "forget_members",
    "keep_periods",
    "list_keys",
    "list_windows",
    "lock",
    "read",
    "save",
    "scan",
]
