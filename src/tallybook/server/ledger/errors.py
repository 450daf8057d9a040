"""How the ledger says no."""

from tallybook.server.kernel.errors import Broken, InvalidInput


class Unbalanced(Broken):
    """The postings of one unit do not sum to zero."""

    code = "ledger_unbalanced"


class NothingToPost(Broken):
    """A transaction moves nothing."""

    code = "ledger_nothing_to_post"


class AmountTooLarge(InvalidInput):
    """{amount} is more than the ledger can hold (9,223,372,036,854.775807)."""

    code = "amount_too_large"


class TooManyPlaces(InvalidInput):
    """{amount} has more than six decimal places."""

    code = "too_many_decimals"


class KeyReused(InvalidInput):
    """This Idempotency-Key was used before with another request."""

    code = "idempotency_key_reused"
