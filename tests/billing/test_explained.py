"""Whatever was bought and used: what an explanation returns adds up to each line, to the cent."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tallybook.server.kernel.money import minor_units

from .conftest import Books

CURRENCIES = ("USD", "JPY", "KWD")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_examples = count()


@dataclass(frozen=True)
class Bought:
    shape: dict[str, Any]
    aggregation: str
    events: Sequence[tuple[Decimal, int]]  # a quantity, and the hour of the month


def figures(most: int, places: int) -> st.SearchStrategy[Decimal]:
    return st.integers(0, most * 10**places).map(lambda n: Decimal(n).scaleb(-places))


@st.composite
def shapes(draw: st.DrawFn) -> dict[str, Any]:
    model = draw(
        st.sampled_from(["per_unit", "graduated", "volume", "package", "flat", "percentage"])
    )
    shape: dict[str, Any] = {"pricing_model": model}
    match model:
        case "per_unit":
            shape["unit_price"] = draw(figures(3, 6))
        case "graduated" | "volume":
            ends = sorted(draw(st.sets(st.integers(1, 300), max_size=3)))
            shape["flat_fee_at_zero"] = draw(st.booleans())
            shape["tiers"] = [
                {
                    "start_unit": str(start),
                    "end_unit": None if end is None else str(end),
                    "unit_price": str(draw(figures(3, 5))),
                    "flat_fee": str(draw(figures(9, 3))),
                }
                for start, end in zip([0, *ends], [*ends, None], strict=True)
            ]
        case "package":
            shape["package_size"] = draw(figures(90, 1)) + 1
            shape["package_price"] = draw(figures(20, 4))
        case "flat":
            shape["flat_fee"] = draw(figures(50, 4))
            shape["flat_fee_at_zero"] = draw(st.booleans())
        case _:
            shape["rate"] = draw(figures(1, 4))
    shape["included_units"] = draw(st.sampled_from([Decimal(0)]) | figures(200, 1))
    if draw(st.booleans()):
        shape["minimum_commitment"] = draw(figures(300, 3))
    shape["overage"] = draw(st.sampled_from(["bill", "bill", "free", "deny"]))
    if shape["overage"] == "deny":
        shape["limit_type"] = "event_quota"
        shape["event_quota_window"] = draw(st.sampled_from(["billing_period", "day"]))
    return {name: str(v) if isinstance(v, Decimal) else v for name, v in shape.items()}


bought = st.builds(
    Bought,
    shapes(),
    st.sampled_from(["sum", "sum", "count"]),
    st.lists(st.tuples(figures(120, 4), st.integers(0, 24 * 14 - 1)), max_size=9),
)


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # the clock goes on: no example comes again
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    parts=st.lists(bought, min_size=1, max_size=3),
    currency=st.sampled_from(CURRENCIES),
    leaves=st.booleans(),
)
def test_the_steps_and_events_of_a_line_add_up_to_it(
    books: Books, parts: list[Bought], currency: str, leaves: bool
) -> None:
    lines, invoice = bill(books, parts, currency, leaves=leaves)
    if invoice is None:
        assert not any(quantity for part in parts for quantity, _ in part.events)
        invoice = {"line_items": []}
    else:
        check_lines(books, invoice, lines, currency)
    for meter_id, part in lines.items():
        check_minimum(invoice, meter_id, part, currency, leaves=leaves)


def check_lines(books: Books, invoice: Any, lines: dict[str, Bought], currency: str) -> None:
    asked = books.get(f"/invoices/{invoice['id']}/explanation")
    assert (asked["total"], asked["currency"]) == (invoice["total"], currency)
    for line, told in zip(invoice["line_items"], asked["lines"], strict=True):
        alone = books.get(f"/invoices/{invoice['id']}/explanation", line_id=line["id"])
        assert alone["lines"] == [told]
        assert told["terms"]["source"] == "plan"
        given_terms = told["terms"]["shape"]
        least = Fraction(given_terms.get("minimum_commitment", 0))
        assert added_up(told["steps"], least, currency) == Fraction(line["total"]), told
        check_events(books, line, told, lines[line["meter_id"]])
    total = sum((Fraction(line["total"]) for line in invoice["line_items"]), Fraction(0))
    assert total == Fraction(invoice["subtotal"])


def bill(
    books: Books, parts: list[Bought], currency: str, *, leaves: bool
) -> tuple[dict[str, Bought], Any]:
    """Sell the parts to a new customer, use them, and close the period; return its invoice."""
    number = next(_examples)
    name = f"c{number}"
    clock = books.get("/test-clock")
    now = datetime.fromisoformat(clock["now"]) if clock["frozen"] else BEGIN
    start = now.replace(hour=0, minute=0, second=0) + timedelta(days=1)
    books.advance(instant(start))
    books.customer(name, currency=currency)
    books.post("/plans", {"name": name, "key": name, "currency": currency})
    meters = {}
    for index, part in enumerate(parts):
        key = f"{name}-m{index}"
        meters[books.meter(key, part.aggregation)] = part
        books.price(name, key, **part.shape)
    sub = books.subscribe(name, name)
    books.advance(instant(start + timedelta(days=14)))
    for index, part in enumerate(parts):
        for quantity, hour in part.events:
            at = instant(start + timedelta(hours=hour))
            books.use(f"{name}-m{index}", str(quantity), at, customer=name)
    if not leaves:
        books.advance(sub["current_period_end"])
    books.post(f"/subscriptions/{sub['id']}/cancel", {"when": "immediate"})
    books.advance(instant(start + timedelta(days=35)))
    found = books.invoices(customer_external_id=name)
    usage = [one for one in found if any(line["meter_id"] for line in one["line_items"])]
    assert len(usage) <= 1
    return meters, usage[0] if usage else None


def instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def check_events(books: Books, line: Any, told: Any, part: Bought) -> None:
    """Follow the cursor from page to page; what comes is what was sent, and adds up."""
    values: list[Decimal] = []
    cursor: dict[str, str] = {}
    while True:
        page = books.get(told["events"], limit=2, **cursor)
        values += [Decimal(event["quantity"]) for event in page["data"]]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert sorted(values) == sorted(quantity for quantity, _ in part.events)
    if line["kind"] == "usage":
        used = sum(values, Decimal(0))  # of a count, too
        assert used == Decimal(line["quantity"])
        assert quantity_of(told["steps"], line) == Fraction(used)


def check_minimum(
    invoice: Any, meter_id: str, part: Bought, currency: str, *, leaves: bool
) -> None:
    """Usage and true-up come to the minimum, or to more where more was used; never a cent over."""
    committed = part.shape.get("minimum_commitment")
    if committed is None or leaves:
        return  # of a part of a period: shown by its steps
    mine = [line for line in invoice["line_items"] if line["meter_id"] == meter_id]
    usage = sum(Decimal(line["total"]) for line in mine if line["kind"] == "usage")
    whole = sum(Decimal(line["total"]) for line in mine)
    assert whole == max(usage, rounded(Fraction(committed), currency))


EQUATION = re.compile(r"(.*?) = (.*)")
SLICE = re.compile(r"tier \d+: |.*packages; ")
WORDS = re.compile(r"\([a-z]+\)|[a-z-]+(?: [a-z-]+)*")


def added_up(steps: Sequence[str], minimum: Fraction, currency: str) -> Fraction:
    """Work through the steps as a reader would: each must hold, and follow from those before."""
    sums: list[Fraction] = []  # what slices came to
    known = {minimum}
    last = Fraction(0)
    for step in steps:
        if " rounded to " in step:
            exact, shown = map(Fraction, step.removeprefix("minimum ").split(" rounded to "))
            assert Fraction(rounded(exact, currency)) == shown, step
            assert exact == sum(sums) or exact in known, step
            last = shown
            known.add(last)
            continue
        match = EQUATION.fullmatch(SLICE.sub("", step))
        assert match is not None, step
        left, right = (WORDS.sub("", side).strip() for side in match.groups())
        last = Fraction(right)
        assert evaluated(left) == last, step
        if left.startswith(tuple("0123456789")) and " + " in left and "×" not in left:
            assert last == sum(sums), step
        elif "billable" in step:
            last = Fraction(0)  # units, not money yet
        elif "minimum" not in step:
            sums.append(last)
        known.add(last)
    return last


def evaluated(text: str) -> Fraction:
    total = Fraction(0)
    for sign, product in re.findall(r"([+−]?)\s*([0-9./]+(?: × [0-9./]+)*)", text):
        value = Fraction(1)
        for factor in product.split(" × "):
            value *= Fraction(factor)
        total += -value if sign == "−" else value
    return total


def quantity_of(steps: Sequence[str], line: Any) -> Fraction:
    """Read from the steps how much was used."""
    used = re.match(r"([0-9.]+) used − .* = ([0-9.]+) billable", steps[0]) if steps else None
    if used is not None:
        return Fraction(used[1])
    if line["pricing_model"] == "flat" or not steps:
        return Fraction(line["quantity"])
    packages = re.match(r"([0-9.]+) ÷", steps[0])
    if packages is not None:
        return Fraction(packages[1])
    return sum(
        (
            Fraction(one)
            for one in re.findall(r"^(?:tier \d+: )?([0-9.]+) ×", "\n".join(steps), re.M)
        ),
        Fraction(0),
    )


def rounded(exact: Fraction, currency: str) -> Decimal:
    """Round half up, on our own: not by what is under test."""
    with localcontext(prec=80):
        exact_enough = Decimal(exact.numerator) / Decimal(exact.denominator)
        return exact_enough.quantize(Decimal(1).scaleb(-minor_units(currency)), ROUND_HALF_UP)
