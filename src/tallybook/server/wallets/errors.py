"""How wallets say no."""

from tallybook.server.kernel.errors import Broken, Conflict, InvalidInput, NotFound, PaymentRequired


class WalletNotFound(NotFound):
    """There is no such wallet."""

    code = "wallet_not_found"


class WalletNameTaken(Conflict):
    """The customer has another wallet of the name {name}."""

    code = "already_exists"


class InsufficientWalletBalance(PaymentRequired):
    """The wallet has {available}; {required} is needed."""

    code = "insufficient_wallet_balance"


class CreditTypeRefused(InvalidInput):
    """Purchased credit is what somebody pays for: top the wallet up."""

    code = "credit_type_refused"
    field = "/credit_type"


class NotACreditAmount(InvalidInput):
    """An amount of credits is more than zero."""

    code = "validation_failed"


class NoCredits(InvalidInput):
    """This amount is less than the smallest part of a credit."""

    code = "amount_too_small"
    field = "/amount"


class GrantNeverAlive(InvalidInput):
    """A grant expires after it becomes effective, and after now."""

    code = "grant_never_alive"
    field = "/expires_at"


class RateInvalid(InvalidInput):
    """A conversion rate is more than zero and has at most six decimal places."""

    code = "conversion_rate_invalid"
    field = "/conversion_rate"


class RechargeInvalid(InvalidInput):
    """Auto-recharge needs a threshold of zero or more and an amount of more than zero."""

    code = "auto_recharge_invalid"
    field = "/auto_recharge_enabled"


class WalletCurrencyMismatch(InvalidInput):
    """The wallet is kept in {wallet_currency}, not in {currency}."""

    code = "currency_mismatch"
    field = "/wallet_id"


class WalletPaymentNeedsInvoice(InvalidInput):
    """A payment from a wallet pays an invoice: give its invoice_id."""

    code = "invoice_required"
    field = "/invoice_id"


class KeySpent(Broken):
    """An operation was about to be done twice under one key."""

    code = "wallet_key_spent"
