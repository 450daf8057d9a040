"""What the edge itself refuses."""

from tallybook.server.kernel.errors import Malformed, TooLarge


class IdempotencyKeyMissing(Malformed):
    """This call moves money: send an Idempotency-Key header, so that a retry cannot repeat it."""

    code = "idempotency_key_missing"


class IdempotencyKeyInvalid(Malformed):
    """An Idempotency-Key has 1 to 255 printable ASCII characters."""

    code = "idempotency_key_invalid"


class CursorInvalid(Malformed):
    """This cursor was not made for this list."""

    code = "cursor_invalid"


class BodyTooLarge(TooLarge):
    """A request body may have {limit} bytes; send several."""

    code = "body_too_large"
