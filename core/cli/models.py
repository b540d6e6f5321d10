"""train, save, import, kit, serving.

Commands that make something: what can be trained and saved, train, save.

The command that brings a model in from outside.

Commands that take something out of the library: kit, serving.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.console import (
    AsJson,
    exit_on_failures,
    open_jobs,
    open_library,
    parse_id,
    print_result,
    print_text,
    print_warnings,
    wait_for_job,
)
from core.compare import Verdict
from core.demos import DEMOS
from core.errors import InputError, error_from_json
from core.exports.archive import StreamedArchive, write_archive
from core.exports.proof_kit import build_proof_kit
from core.exports.tf_serving import build_serving_zip, list_serving_files, write_serving_folder
from core.formats import all_formats
from core.inputs.fitting import describe_axes
from core.jobs import Jobs
from core.jobs.uploads import OPENVINO_BIN_SUFFIX, OPENVINO_XML_SUFFIX, store_upload
from core.library import Run
from core.library.job_store import Job
from core.library.records import ID_PATTERN

app = typer.Typer()


@app.command()
def demos(as_json: AsJson = False) -> None:
    """List the demos that can be trained."""
    rows = [{"demo": demo.key, "predicts": demo.predicts, "model": demo.model_description} for demo in DEMOS]
    print_result(rows, as_json, ("demo", "predicts", "model"))


@app.command()
def formats(as_json: AsJson = False) -> None:
    """List the formats, what each keeps, and which cannot be used here."""
    rows = [
        {
            "format": one.key,
            "label": one.label,
            "keeps": ", ".join(sorted(one.keeps)),
            "takes": ", ".join(sorted(one.accepts)),
            "missing": " ".join(one.missing_packages) or None,
        }
        for one in all_formats()
    ]
    print_result(rows, as_json, ("format", "keeps", "takes", "missing"))


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
        end = wait_for_job(jobs, jobs.train(demo, **given, hidden_units=hidden_units, seed=seed))
        run = jobs.library.run(end.result["run"])
    row = {"run": run.id, "demo": run.demo, run.score_name: run.score, "seconds": run.seconds, "settings": run.settings}
    print_result(row if as_json else [row], as_json, ("run", "demo", run.score_name, "seconds"))


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
        every = [one.key for one in all_formats() if not one.refusal_reason(kept.kind, kept.weight_bytes)]
        end = wait_for_job(jobs, jobs.save(run, every if formats == ["all"] else formats, _parse_options(option or [])))
    rows = [_saved_row(kept, key, row) for key, row in end.result["rows"].items()]
    print_result(rows, as_json, ("format", "artifact", "trust", "bytes", "seconds", "verdict"))
    print_warnings((row["format"], row["warning"]) for row in rows)
    exit_on_failures((row["format"], row["error"]) for row in rows if row["error"])


def _parse_options(pairs: list[str]) -> dict[str, dict[str, str]]:
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


IMPORT_COLUMNS = ("artifact", "run", "format", "name", "bytes", "verdict")


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
        end = wait_for_job(
            jobs, _start_import(jobs, path, with_, {"demo": demo, "signature": signature, "label": name})
        )
    result = end.result
    if as_json:
        print_result(result, True)
        return
    print_result([result], False, IMPORT_COLUMNS)
    if result["verdict"] == Verdict.NOT_RUN:
        print_text(str(error_from_json(result["error"])))
    for line in _import_lines(result):
        print_text(line)


def _start_import(jobs: Jobs, path: Path, architecture: Path | None, options: dict[str, Any]) -> Job:
    """The job of a file, or of one that was kept already: of that, what is asked otherwise than before."""
    if ID_PATTERN.fullmatch(str(path)) and not path.exists():
        return jobs.reimport_model(str(path), **{name: one for name, one in options.items() if one})
    return jobs.import_model(**_import_request(jobs, path, architecture), **options)


def _import_request(jobs: Jobs, path: Path, architecture: Path | None) -> dict[str, Any]:
    """What `Jobs.bring_in` is given. Raises InputError where a file is not there."""
    beside = path.with_suffix(OPENVINO_BIN_SUFFIX)
    paths = [
        path,
        *([architecture] if architecture else []),
        *([beside] if path.suffix.lower() == OPENVINO_XML_SUFFIX else []),
    ]
    for one in paths:
        if not one.exists():
            raise InputError("There is no such file.", received=one.name, cure="Check its name and place.")
    if len(paths) == 1:
        return {"path": path, "name": path.resolve().name}
    with ExitStack() as stack:
        return store_upload(
            jobs.library, [(one.name, stack.enter_context(one.open("rb"))) for one in paths]
        ).import_arguments()


def _import_lines(result: dict[str, Any]) -> list[str]:
    lines = [f"takes {_spec_text(one)}" for one in result["inputs"]] + [
        f"gives {_spec_text(one)}" for one in result["outputs"]
    ]
    for one in result["checks"]:
        lines.append(
            " ".join(filter(None, (f"{'left out' if one.get('left') else 'checked'}: {one['what']}.", one["remark"])))
        )
    return lines


def _spec_text(spec: dict[str, Any]) -> str:
    return f"{spec['name']}: {describe_axes(spec['shape'])}, {spec['dtype']}"


Force = Annotated[bool, typer.Option("--force", help="Replace a file of that name.")]


@app.command()
def kit(
    artifact: Annotated[str, typer.Argument(metavar="ID_PATTERN", parser=parse_id)],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Default: kit-ID_PATTERN-FORMAT.zip.")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write an artifact's proof kit: the copy, how to load it, what to ask it, what it must answer, as one zip."""
    with build_proof_kit(open_library(), artifact) as parcel:
        _write_archive(parcel, out or Path(parcel.name), force, {"artifact": artifact}, as_json)


@app.command()
def serving(
    artifact: Annotated[str, typer.Argument(metavar="ID_PATTERN", parser=parse_id)],
    name: Annotated[str, typer.Option(help="The name under which it is served.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.zip|FOLDER", help="A zip, or a folder of models.")],
    version: Annotated[str, typer.Option(help="The version's number.")] = "1",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a SavedModel in the layout of TensorFlow Serving: NAME/VERSION/ with its files."""
    library = open_library()
    if out.expanduser().is_dir():
        kept = list_serving_files(library, artifact, name, version)
        place = out / "/".join(next(iter(kept)).split("/")[:2])
        _print_written_file(
            {"artifact": artifact, "file": str(place), "bytes": write_serving_folder(kept, out)}, as_json
        )
        return
    with build_serving_zip(library, artifact, name, version) as parcel:
        _write_archive(parcel, out, force, {"artifact": artifact}, as_json)


def _write_archive(archive: StreamedArchive, out: Path, force: bool, facts: dict[str, Any], as_json: bool) -> None:
    _print_written_file(facts | {"file": str(out), "bytes": write_archive(archive, out, force)}, as_json)


def _print_written_file(row: dict[str, Any], as_json: bool) -> None:
    print_result(row if as_json else [row], as_json, ("artifact", "file", "bytes"))
