"""Write, read, outbox, due work, idempotency records; what differs between the two databases."""

from .database import Database, open_database
from .tx import Tx

__all__ = ["Database", "Tx", "open_database"]
