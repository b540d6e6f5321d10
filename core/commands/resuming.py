"""The command that trains copies on: resume."""

from typing import Annotated, Any

import typer

from core.terminal import AsJson, Code, Ids, code_sources, complain, finish, open_jobs, show, warn, whole_number
from core.work.continuing import Ending

app = typer.Typer()


@app.command()
def resume(
    run: str,
    artifacts: Ids,
    epochs: Annotated[str, typer.Option(help="How often each sees all of the training data again, 1 to 20.")] = "2",
    seed: Annotated[str, typer.Option(help="Fixes the order of the rows, which is the same for all.")] = "0",
    code: Code = None,
    as_json: AsJson = False,
) -> None:
    """Train a run's live model and copies of it on, over the same batches, and say where they part."""
    numbers = whole_number("epochs", epochs), whole_number("seed", seed)
    with open_jobs() as jobs:
        end = finish(jobs, jobs.resume(run, artifacts, numbers[0], code_sources(code or []), numbers[1]))
        kept = {id_: jobs.library.artifact(id_) for id_ in end.result["copies"]}
    found = [
        {"artifact": id_, "run": run, "format": kept[id_].format, "trust": kept[id_].trust}
        | {"first_difference": _first(copy), **copy}
        for id_, copy in end.result["copies"].items()
    ]
    show(found, as_json, ("artifact", "format", "trust", "ending", "first_difference", "seconds", "sentence"))
    warn((row["artifact"], row["remark"]) for row in found)
    complain((row["artifact"], row["error"]) for row in found if row["ending"] == Ending.FAILED)


def _first(copy: dict[str, Any]) -> int | None:
    return (copy["gap"] or {}).get("first")
