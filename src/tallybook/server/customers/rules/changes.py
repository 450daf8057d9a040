"""What an edit does to a customer."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from tallybook.server.customers.models import Customer


def merge_metadata(before: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata after a merge patch: a null deletes its key (RFC 7396, one level)."""
    merged = {**before, **patch}
    return {key: value for key, value in merged.items() if value is not None}


def changed(customer: Customer, changes: Mapping[str, Any], at: datetime) -> Customer:
    """Return the customer with the changes, or the same object when nothing differs."""
    fields = dict(changes)
    if "metadata" in fields:
        fields["metadata"] = merge_metadata(customer.metadata, fields["metadata"])
    after = replace(customer, **fields)
    return customer if after == customer else replace(after, updated_at=at)


def gives_same(customer: Customer, given: Mapping[str, Any]) -> bool:
    """Tell whether every given field equals the customer's own."""
    return all(getattr(customer, name) == value for name, value in given.items())
