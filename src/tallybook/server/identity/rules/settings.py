"""The switches of a project, as they are stored: what was never set has its default."""

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any, Final

from tallybook.server.identity.models import ProjectTax, ProrationBasis, Settings, TaxRounding

DEFAULTS: Final = Settings()


def from_json(stored: Mapping[str, Any]) -> Settings:
    """Read what is stored; names of a later version are left alone."""
    if not stored:
        return DEFAULTS
    known = {field.name for field in fields(Settings)}
    read = {name: value for name, value in stored.items() if name in known}
    if "limit_approaching" in read:
        read["limit_approaching"] = Decimal(read["limit_approaching"])
    if "dunning_days" in read:
        read["dunning_days"] = tuple(read["dunning_days"])
    if "proration_basis" in read:
        read["proration_basis"] = ProrationBasis(read["proration_basis"])
    if "tax_rounding" in read:
        read["tax_rounding"] = TaxRounding(read["tax_rounding"])
    if "taxes" in read:
        read["taxes"] = tuple(
            ProjectTax(tax["name"], Decimal(tax["rate"])) for tax in read["taxes"]
        )
    return Settings(**read)


def to_json(settings: Settings) -> dict[str, Any]:
    """Write what differs from the defaults; a decimal as text."""
    return {
        field.name: _plain(value)
        for field in fields(Settings)
        if (value := getattr(settings, field.name)) != getattr(DEFAULTS, field.name)
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, ProjectTax):
        return {"name": value.name, "rate": _plain(value.rate)}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
