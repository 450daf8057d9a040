"""Stories of budgets are told on a project's books."""

from tests.billing.conftest import books as books  # noqa: PLC0414 - a fixture, for this folder
