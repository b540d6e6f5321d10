"""Commands that hold copies against their model: compare, matrix."""

from typing import Annotated

import typer

from core import matrix as survived
from core.compare import Verdict
from core.errors import InputError
from core.evidence import Outcome
from core.terminal import AsJson, complain, finish, open_jobs, open_library, show, warn

app = typer.Typer()
COMPARED = {"verdict", "max_abs", "mean_abs", "changed_rows", "rows", "not_finite", "error"}


@app.command()
def compare(
    artifacts: Annotated[list[str], typer.Argument(metavar="ID...")],
    rows: Annotated[str | None, typer.Option(help="How many held-out rows to ask.")] = None,
    code: Annotated[
        list[str] | None,
        typer.Option(metavar="ID=SOURCE", help="Where an artifact's code comes from: none, demo, or an architecture."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Reload artifacts in fresh processes and hold their answers against the live model's reference."""
    with open_jobs() as jobs:
        end = finish(jobs, jobs.compare(artifacts, _whole_number("rows", rows), _sources(code or [])))
        kept = {id_: jobs.library.artifact(id_) for id_ in end.result["outcomes"]}
    outcomes = {id_: Outcome.model_validate(found) for id_, found in end.result["outcomes"].items()}
    found = [
        {
            "artifact": id_,
            "run": kept[id_].run,
            "format": kept[id_].format,
            "bytes": kept[id_].bytes,
            "seconds": outcome.load_seconds,
            **outcome.model_dump(mode="json", include=COMPARED),
        }
        for id_, outcome in outcomes.items()
    ]
    show(
        found,
        as_json,
        ("artifact", "format", "verdict", "max_abs", "changed_rows", "rows", "not_finite", "bytes", "seconds"),
    )
    warn((id_, outcome.warning) for id_, outcome in outcomes.items())
    complain((row["artifact"], row["error"]) for row in found if row["verdict"] == Verdict.DOES_NOT_LOAD)


def _whole_number(name: str, text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError as error:
        raise InputError(f"The option --{name} takes a whole number.", received=text, cure="Give 1 or more.") from error


def _sources(pairs: list[str]) -> dict[str, str]:
    for pair in pairs:
        if "=" not in pair:
            raise InputError("The option --code takes ID=SOURCE.", received=pair, cure="For example a0123456789=demo.")
    return dict(pair.split("=", 1) for pair in pairs)


@app.command()
def matrix(
    run: str,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of Markdown.")] = False,
) -> None:
    """Show what each saved copy of a run has kept, cell by cell: as Markdown, CSV or JSON."""
    rows = survived.matrix(open_library(), run)
    if as_json:
        show([one.to_json() for one in rows], True)
        return
    typer.echo(survived.as_csv(rows) if as_csv else survived.as_markdown(rows))
