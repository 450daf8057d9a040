"""Every test of a call runs in both forms."""

from collections.abc import Iterator

import pytest

from .stand_in import Asynchronous, Blocking

ENVIRONMENT = ("TALLYBOOK_API_KEY", "TALLYBOOK_BASE_URL", "TALLYBOOK_WEBHOOK_SECRET")


@pytest.fixture(params=[Blocking, Asynchronous], ids=lambda form: form.name)
def form(request: pytest.FixtureRequest) -> Iterator[Blocking]:
    made: Blocking = request.param()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
