"""train, save, import, kit, serving.

Commands that make something: what can be trained and saved, train, save.

The command that brings a model in from outside.

Commands that take something out of the library: kit, serving.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.console import AsJson, as_id, complain, finish, open_jobs, open_library, say, show, warn
from core.compare import Verdict
from core.demos import DEMOS
from core.errors import InputError, from_json
from core.exports.archive import Parcel, write_out
from core.exports.proof_kit import proof_kit
from core.exports.tf_serving import serving_files, serving_zip, write_folder
from core.formats import all_formats
from core.inputs.fitting import axes_words
from core.jobs import Jobs
from core.jobs.uploads import GRAPH, NUMBERS, receive
from core.library import Run
from core.library.job_store import Job
from core.library.records import ID

app = typer.Typer()


@app.command()
def demos(as_json: AsJson = False) -> None:
    """List the demos that can be trained."""
    rows = [{"demo": demo.key, "predicts": demo.predicts, "model": demo.model_says} for demo in DEMOS]
    show(rows, as_json, ("demo", "predicts", "model"))


@app.command()
def formats(as_json: AsJson = False) -> None:
    """List the formats, what each keeps, and which cannot be used here."""
    rows = [
        {
            "format": one.key,
            "label": one.label,
            "keeps": ", ".join(sorted(one.keeps)),
            "takes": ", ".join(sorted(one.accepts)),
            "missing": " ".join(one.missing) or None,
        }
        for one in all_formats()
    ]
    show(rows, as_json, ("format", "keeps", "takes", "missing"))


@app.command()
def train(
    demo: str,
    dataset: Annotated[str | None, typer.Option(help="Which data set of the demo.")] = None,
    epochs: Annotated[str | None, typer.Option(help="Passes over the training data.")] = None,
    batch_size: Annotated[str | None, typer.Option(help="Rows per step.")] = None,
    learning_rate: Annotated[str | None, typer.Option(help="Size of a step.")] = None,
    hidden_units: Annotated[str | None, typer.Option(help="Width of the hidden layer.")] = None,
    seed: Annotated[str | None, typer.Option(help="Fixes shuffling and the first weights.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train a demo and keep the run."""
    # Numbers come as text and are checked in one place, so that a wrong one gets the same sentence as on the page.
    given = {"dataset": dataset, "epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    with open_jobs() as jobs:
        end = finish(jobs, jobs.train(demo, **given, hidden_units=hidden_units, seed=seed))
        run = jobs.library.run(end.result["run"])
    row = {"run": run.id, "demo": run.demo, run.score_name: run.score, "seconds": run.seconds, "settings": run.settings}
    show(row if as_json else [row], as_json, ("run", "demo", run.score_name, "seconds"))


@app.command()
def save(
    run: str,
    formats: Annotated[list[str], typer.Argument(metavar="FORMAT... | all")],
    option: Annotated[
        list[str] | None, typer.Option(metavar="FORMAT.KEY=VALUE", help="For example onnx.opset=15 (repeatable).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Save a run in one or more formats, each reloaded in a fresh process before it is kept."""
    with open_jobs() as jobs:
        kept = jobs.library.run(run)
        every = [one.key for one in all_formats() if not one.refuses(kept.kind, kept.weight_bytes)]
        end = finish(jobs, jobs.save(run, every if formats == ["all"] else formats, _options(option or [])))
    rows = [_saved_row(kept, key, row) for key, row in end.result["rows"].items()]
    show(rows, as_json, ("format", "artifact", "trust", "bytes", "seconds", "verdict"))
    warn((row["format"], row["warning"]) for row in rows)
    complain((row["format"], row["error"]) for row in rows if row["error"])


def _options(pairs: list[str]) -> dict[str, dict[str, str]]:
    """`["onnx.opset=15"]` as `{"onnx": {"opset": "15"}}`; what fits is for the format to say."""
    options: dict[str, dict[str, str]] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        format_key, _, key = name.partition(".")
        if not (key and value):
            raise InputError(
                "The option --option takes FORMAT.KEY=VALUE.", received=pair, cure="For example onnx.opset=15."
            )
        options.setdefault(format_key, {})[key] = value
    return options


def _saved_row(run: Run, key: str, row: dict[str, Any]) -> dict[str, Any]:
    facts = {
        name: row.get(name) for name in ("artifact", "bytes", "seconds", "verdict", "needs_code", "warning", "error")
    }
    return {"run": run.id, "format": key, "trust": run.trust} | facts


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


Force = Annotated[bool, typer.Option("--force", help="Replace a file of that name.")]


@app.command()
def kit(
    artifact: Annotated[str, typer.Argument(metavar="ID", parser=as_id)],
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Default: kit-ID-FORMAT.zip.")] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write an artifact's proof kit: the copy, how to load it, what to ask it, what it must answer, as one zip."""
    with proof_kit(open_library(), artifact) as parcel:
        _write(parcel, out or Path(parcel.name), force, {"artifact": artifact}, as_json)


@app.command()
def serving(
    artifact: Annotated[str, typer.Argument(metavar="ID", parser=as_id)],
    name: Annotated[str, typer.Option(help="The name under which it is served.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.zip|FOLDER", help="A zip, or a folder of models.")],
    version: Annotated[str, typer.Option(help="The version's number.")] = "1",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a SavedModel in the layout of TensorFlow Serving: NAME/VERSION/ with its files."""
    library = open_library()
    if out.expanduser().is_dir():
        kept = serving_files(library, artifact, name, version)
        place = out / "/".join(next(iter(kept)).split("/")[:2])
        _say({"artifact": artifact, "file": str(place), "bytes": write_folder(kept, out)}, as_json)
        return
    with serving_zip(library, artifact, name, version) as parcel:
        _write(parcel, out, force, {"artifact": artifact}, as_json)


def _write(parcel: Parcel, out: Path, force: bool, facts: dict[str, Any], as_json: bool) -> None:
    _say(facts | {"file": str(out), "bytes": write_out(parcel, out, force)}, as_json)


def _say(found: dict[str, Any], as_json: bool) -> None:
    show(found if as_json else [found], as_json, ("artifact", "file", "bytes"))
