"""How billing says no, where no single room can."""

from tallybook.server.kernel.errors import InvalidInput


class InvoiceOfAnother(InvalidInput):
    """The invoice {invoice_id} is not this customer's."""

    code = "invoice_of_another_customer"
    field = "/invoice_id"


class InvoiceCurrencyDiffers(InvalidInput):
    """The invoice is in {invoice_currency}, the payment in {currency}."""

    code = "currency_mismatch"
    field = "/currency"


class SeveralCurrencies(InvalidInput):
    """The customer owes in {currencies}: name a contract_id to preview one of them."""

    code = "several_currencies"
    field = "/contract_id"


class PlanCurrencyDiffers(InvalidInput):
    """The subscription is in {currency}, the plan's price in {plan_currency}."""

    code = "currency_mismatch"
    field = "/new_plan"
