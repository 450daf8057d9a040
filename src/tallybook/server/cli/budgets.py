"""`tallybook budgets`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import output
from .errors import WrongUsage
from .flags import DataDir
from .output import AsJson
from .remote import BaseUrl, connected, text

if TYPE_CHECKING:
    from tallybook.client.types.budgets import Budget

app = typer.Typer(no_args_is_help=True, help="What work may cost. Key: TALLYBOOK_API_KEY.")
Id = Annotated[str, typer.Argument(help="The budget's id, `bud_…`.")]
Thresholds = Annotated[
    str | None,
    typer.Option(metavar="A,B", help="Shares of the amount that are told [0.5,0.8,1]."),
]
HardStop = Annotated[
    bool | None,
    typer.Option("--hard-stop/--no-hard-stop", help="Deny access from the amount on."),
]


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="For people.")],
    amount: Annotated[str, typer.Option(help="What may be spent in a period.")],
    customer: Annotated[
        str | None, typer.Option(help="External id of a customer [with --agent neither: all].")
    ] = None,
    agent: Annotated[str | None, typer.Option(help="An agent, by either id.")] = None,
    currency: Annotated[str | None, typer.Option(help="[the customer's or project's]")] = None,
    period: Annotated[
        str | None,
        typer.Option(help="daily weekly monthly quarterly semi_annual annual lifetime [monthly]"),
    ] = None,
    thresholds: Thresholds = None,
    hard_stop: HardStop = None,
    base_url: BaseUrl = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Set a budget; what its period has cost already is in it."""
    given = {
        "customer_external_id": customer,
        "agent": agent,
        "currency": currency,
        "period": period,
        "thresholds": _shares(thresholds),
        "hard_stop": hard_stop,
    }
    fields: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    with connected(base_url, data_dir) as client:
        _show(client.budgets.create(name=name, amount=amount, **fields), as_json=as_json)


@app.command("list")
def list_all(
    customer: Annotated[str | None, typer.Option(help="External id of a customer.")] = None,
    agent: Annotated[str | None, typer.Option(help="An agent, by either id.")] = None,
    base_url: BaseUrl = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List budgets, with what is spent of them now."""
    with connected(base_url, data_dir) as client:
        found = list(client.budgets.list(customer_external_id=customer, agent=agent, limit=100))
    names = ("id", "name", "of", "period", "spent", "amount", "currency", "stopped")
    rows = [
        [
            one.id,
            one.name,
            one.customer_external_id or one.customer_id or one.agent_id or "all",
            str(one.period),
            text(one.spent),
            text(one.amount),
            one.currency,
            "yes" if one.is_stopped else "no",
        ]
        for one in found
    ]
    output.show_table([_json(one) for one in found], names, rows, as_json=as_json)


@app.command("get")
def get(
    budget_id: Id, base_url: BaseUrl = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Show a budget."""
    with connected(base_url, data_dir) as client:
        _show(client.budgets.get(budget_id), as_json=as_json)


@app.command("set")
def change(
    budget_id: Id,
    name: Annotated[str | None, typer.Option(help="For people.")] = None,
    amount: Annotated[str | None, typer.Option(help="What may be spent in a period.")] = None,
    thresholds: Thresholds = None,
    hard_stop: HardStop = None,
    base_url: BaseUrl = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change a budget; raised above what is spent, a hard stop is over at once."""
    given = {
        "name": name,
        "amount": amount,
        "thresholds": _shares(thresholds),
        "hard_stop": hard_stop,
    }
    fields: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    with connected(base_url, data_dir) as client:
        _show(client.budgets.update(budget_id, **fields), as_json=as_json)


@app.command("delete")
def delete(
    budget_id: Id, base_url: BaseUrl = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Delete a budget; access that it denied is given back."""
    with connected(base_url, data_dir) as client:
        client.budgets.delete(budget_id)
    output.show({"deleted": budget_id}, [f"deleted  {budget_id}"], as_json=as_json)


def _shares(given: str | None) -> list[str] | None:
    if given is None:
        return None
    shares = [share.strip() for share in given.split(",")]
    if not all(shares):
        raise WrongUsage("--thresholds: give shares such as 0.5,0.8,1")
    return shares


def _json(budget: "Budget") -> dict[str, Any]:
    return budget.model_dump(mode="json")


def _show(budget: "Budget", *, as_json: bool) -> None:
    shown = _json(budget)
    told = {**shown, "thresholds": ", ".join(shown["thresholds"])}
    names = ("id", "name", "customer_external_id", "agent_id", "period", "currency", "amount")
    more = ("spent", "remaining", "thresholds", "hard_stop", "is_stopped", "period_end")
    output.show(shown, output.pairs(told, *names, *more), as_json=as_json)
