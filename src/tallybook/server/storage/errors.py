"""How storage says no."""

from tallybook.server.kernel.errors import Conflict, InvalidInput, Unavailable


class DatabaseUnavailable(Unavailable):
    """The database did not take this; nothing was written. Try again."""

    code = "unavailable"


class SchemaOutOfDate(Unavailable):
    """The database schema is not this program's: run `tallybook migrate`."""

    code = "schema_out_of_date"


class AlreadyServed(Unavailable):
    """Another server (pid {pid}) already uses the data directory {directory}."""

    code = "data_directory_in_use"


class UnsafeSqlite(Unavailable):
    """SQLite {version} can corrupt a WAL database: `pip install pysqlite3`."""

    code = "sqlite_version_unsafe"


class IdempotencyKeyReused(InvalidInput):
    """This Idempotency-Key was used before with another request."""

    code = "idempotency_key_reused"


class IdempotencyInProgress(Conflict):
    """A request with this Idempotency-Key is still running; try again."""

    code = "idempotency_in_progress"
    retryable = True


class LeaseLost(Conflict):
    """Another worker has taken this due work over."""

    code = "lease_lost"
