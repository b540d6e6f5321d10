"""Commands that hold copies against their model: compare, matrix."""

from typing import Annotated

import typer

from core import matrix as survived
from core.compare import Verdict
from core.evidence import Outcome
from core.terminal import (
    AsJson,
    Code,
    code_sources,
    complain,
    finish,
    open_jobs,
    open_library,
    show,
    warn,
    whole_number,
)

app = typer.Typer()
COMPARED = {"verdict", "max_abs", "mean_abs", "changed_rows", "rows", "not_finite", "error"}


@app.command()
def compare(
    artifacts: Annotated[list[str], typer.Argument(metavar="ID...")],
    rows: Annotated[str | None, typer.Option(help="How many held-out rows to ask.")] = None,
    code: Code = None,
    as_json: AsJson = False,
) -> None:
    """Reload artifacts in fresh processes and hold their answers against the live model's reference."""
    with open_jobs() as jobs:
        end = finish(jobs, jobs.compare(artifacts, whole_number("rows", rows), code_sources(code or [])))
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
