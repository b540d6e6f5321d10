"""The command that brings a model in from outside."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from core.compare import Verdict
from core.errors import InputError, from_json
from core.inputs.fitting import axes_words
from core.jobs import Jobs
from core.library.entries import ID
from core.library.journal import Job
from core.terminal import AsJson, finish, open_jobs, say, show
from core.work.receiving import GRAPH, NUMBERS, receive

app = typer.Typer()
COLUMNS = ("artifact", "run", "format", "name", "bytes", "verdict")


@app.command("import")
def import_(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="A file, a zip, or the folder of a SavedModel; or the id of an artifact that was kept."
        ),
    ],
    with_: Annotated[
        Path | None, typer.Option("--with", metavar="ARCHITECTURE.json", help="The layers that weights belong to.")
    ] = None,
    name: Annotated[str, typer.Option(help="What to call it; by default as its file.")] = "",
    demo: Annotated[str | None, typer.Option(help="The demo whose code built the model, for a checkpoint.")] = None,
    signature: Annotated[str, typer.Option(help="Which signature is to answer, where there are several.")] = "",
    as_json: AsJson = False,
) -> None:
    """Bring in a model from outside: checked, looked into, loaded and asked in sandboxed processes, then kept."""
    with open_jobs() as jobs:
        end = finish(jobs, _begun(jobs, path, with_, {"demo": demo, "signature": signature, "label": name}))
    result = end.result
    if as_json:
        show(result, True)
        return
    show([result], False, COLUMNS)
    if result["verdict"] == Verdict.NOT_RUN:
        say(str(from_json(result["error"])))
    for line in _said(result):
        say(line)


def _begun(jobs: Jobs, path: Path, with_: Path | None, asked: dict[str, Any]) -> Job:
    """The job of a file, or of one that was kept already: of that, what is asked otherwise than before."""
    if ID.fullmatch(str(path)) and not path.exists():
        return jobs.bring_in_again(str(path), **{name: one for name, one in asked.items() if one})
    return jobs.bring_in(**_given(jobs, path, with_), **asked)


def _given(jobs: Jobs, path: Path, with_: Path | None) -> dict[str, Any]:
    """What `Jobs.bring_in` is given. Raises InputError where a file is not there."""
    beside = path.with_suffix(NUMBERS)
    paths = [path, *([with_] if with_ else []), *([beside] if path.suffix.lower() == GRAPH else [])]
    for one in paths:
        if not one.exists():
            raise InputError("There is no such file.", received=one.name, cure="Check its name and place.")
    if len(paths) == 1:
        return {"path": path, "name": path.resolve().name}
    with ExitStack() as stack:
        return receive(jobs.library, [(one.name, stack.enter_context(one.open("rb"))) for one in paths]).asked()


def _said(result: dict[str, Any]) -> list[str]:
    lines = [f"takes {_port(one)}" for one in result["inputs"]] + [f"gives {_port(one)}" for one in result["outputs"]]
    for one in result["checks"]:
        lines.append(
            " ".join(filter(None, (f"{'left out' if one.get('left') else 'checked'}: {one['what']}.", one["remark"])))
        )
    return lines


def _port(spec: dict[str, Any]) -> str:
    return f"{spec['name']}: {axes_words(spec['shape'])}, {spec['dtype']}"
