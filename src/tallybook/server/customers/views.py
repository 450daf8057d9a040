"""Customers, as answers and webhooks show them."""

from typing import Any

from tallybook.wire import customers as wire

from .models import Customer


def to_wire(customer: Customer) -> wire.Customer:
    taxes, account = customer.taxes, customer.payment_account
    return wire.Customer(
        id=customer.id,
        external_id=customer.external_id,
        name=customer.name,
        type=customer.type.value,
        status="archived" if customer.archived_at else customer.status.value,
        email=customer.email,
        phone=customer.phone,
        currency=customer.currency,
        taxes=None
        if taxes is None
        else [wire.CustomerTax(name=tax.name, rate=tax.rate) for tax in taxes],
        address=customer.address,
        tax_id=customer.tax_id,
        locale=customer.locale,
        payment_account=None
        if account is None
        else wire.PaymentAccount(
            provider=account.provider,
            customer_id=account.customer_id,
            payment_method_id=account.payment_method_id,
        ),
        metadata=dict(customer.metadata),
        created_at=customer.created_at,
        updated_at=customer.updated_at,
    )


def announced(customer: Customer) -> dict[str, Any]:
    """The data of `customer.created` and `customer.updated`."""
    return {
        "customer_id": customer.id,
        "customer_external_id": customer.external_id,
        "customer": to_wire(customer).model_dump(mode="json"),
    }


def announced_access(
    customer: Customer,
    *,
    reason: str,
    caused_by: str,
    subscription_id: str | None,
    feature: str | None,
) -> dict[str, Any]:
    """The data of `customer.access_changed`."""
    return {
        "customer_id": customer.id,
        "customer_external_id": customer.external_id,
        "reason": reason,
        "caused_by": caused_by,
        "subscription_id": subscription_id,
        "feature": feature,
    }
