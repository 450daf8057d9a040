"""Secrets of this installation, made once and shared by all its processes."""

import os

from sqlalchemy import select

from .tables import secrets
from .tx import Tx


def get_or_create(tx: Tx, name: str, *, size_bytes: int = 32) -> bytes:
    """Return the secret of that name; the first call makes it."""
    insert = tx.insert(secrets)
    row = {"name": name, "value": os.urandom(size_bytes)}
    tx.execute(insert.values(row).on_conflict_do_nothing())
    return bytes(tx.execute(select(secrets.c.value).where(secrets.c.name == name)).scalar_one())
