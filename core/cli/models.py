"""Commands that make something: demos, formats, train, save; import a model; write a proof kit or a serving layout."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.console import (
    AsJson,
    Code,
    Ids,
    RunId,
    Strings,
    TableRow,
    exit_on_failures,
    name_grades,
    name_losses,
    open_jobs,
    parse_code_sources,
    parse_whole_number,
    print_result,
    print_text,
    print_warnings,
    wait_for_job,
)
from core.compare import Verdict
from core.compatibility.losses import find_losses, losses_to_json
from core.demos import DEMOS
from core.errors import InputError, error_from_json
from core.formats import all_formats, formats_at_hand
from core.inputs.fitting import describe_axes
from core.jobs import Jobs
from core.jobs.imports.import_request import parse_shapes
from core.jobs.resume_result import ResumeResult, ResumeVerdict
from core.jobs.uploads import OPENVINO_BIN_SUFFIX, OPENVINO_XML_SUFFIX, RemoteUpload, StoredUpload, store_upload
from core.library import Library
from core.library.ids import ID_PATTERN
from core.library.job_store import Job
from core.uploads import NamedFile

app = typer.Typer(rich_markup_mode=None)
SAVED_FACTS: tuple[str, ...] = (
    "artifact",
    "bytes",
    "seconds",
    "verdict",
    "grade",
    "needs_code",
    "warning",
    "remark",
    "error",
    "unverified",
)
IMPORT_COLUMNS = ("artifact", "run", "format", "name", "bytes", "verdict")
RESUME_COLUMNS = ("artifact", "format", "trust", "ending", "first_difference", "seconds", "sentence", "source")


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
            "format": format_.key,
            "label": format_.label,
            "keeps": ", ".join(sorted(format_.keeps)),
            "takes": ", ".join(sorted(format_.accepts)),
            "missing": " ".join(format_.missing_packages) or None,
            "environment": format_.environment.key if format_.environment else None,
        }
        for format_ in all_formats()
    ]
    print_result(rows, as_json, ("format", "keeps", "takes", "missing", "environment"))


@app.command()
def train(
    demo: Annotated[str, typer.Argument(metavar="DEMO", help="A demo, as `roundtrip demos` lists them.")],
    dataset: Annotated[str | None, typer.Option(help="Which data set of the demo.")] = None,
    epochs: Annotated[str | None, typer.Option(metavar="NUMBER", help="Passes over the training data.")] = None,
    batch_size: Annotated[str | None, typer.Option(metavar="NUMBER", help="Rows per step.")] = None,
    learning_rate: Annotated[str | None, typer.Option(metavar="NUMBER", help="Size of a step.")] = None,
    hidden_units: Annotated[str | None, typer.Option(metavar="NUMBER", help="Width of the hidden layer.")] = None,
    seed: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Random seed of the shuffling and of the initial weights.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a demo and keep the run."""
    # Numbers come as text and are checked in one place, so that a wrong one gets the same sentence as on the page.
    settings = {"dataset": dataset, "epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    with open_jobs() as jobs:
        ended = wait_for_job(jobs, jobs.train(demo, **settings, hidden_units=hidden_units, seed=seed))
        run = jobs.library.run(ended.result["run"])
    row = {"run": run.id, "demo": run.demo, run.score_name: run.score, "seconds": run.seconds, "settings": run.settings}
    print_result(row if as_json else [row], as_json, ("run", "demo", run.score_name, "seconds"))


@app.command()
def save(
    run: RunId,
    formats: Annotated[
        list[str],
        typer.Argument(metavar="FORMAT", help="Formats, as `roundtrip formats` lists them; or all: whatever fits."),
    ],
    option: Annotated[
        Strings, typer.Option(metavar="FORMAT.KEY=VALUE", help="For example onnx.opset=15 (repeatable).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Save a run in one or more formats, each reloaded in a fresh process before it is kept."""
    with open_jobs() as jobs:
        record = jobs.library.run(run)
        if formats == ["all"]:
            facts = record.kind, record.weight_bytes, record.trust
            formats = formats_at_hand(*facts)
        ended = wait_for_job(jobs, jobs.save(run, formats, _parse_options(option or [])))
        rows: list[dict[str, Any]] = [
            {"run": run, "format": key, "trust": record.trust, **{name: row.get(name) for name in SAVED_FACTS}}
            | {"losses": losses_to_json(find_losses(jobs.library, row.get("artifact") or ""))}
            for key, row in ended.result["rows"].items()
        ]
    columns = ("format", "artifact", "trust", "bytes", "seconds", "verdict", "grade", "losses")
    print_result(rows if as_json else name_grades(name_losses(rows)), as_json, columns)
    print_warnings((row["format"], row[note]) for row in rows for note in ("warning", "remark"))
    failures = ((row["format"], row["error"] or row["unverified"]) for row in rows)
    exit_on_failures((format_key, error) for format_key, error in failures if error)


def _parse_options(pairs: list[str]) -> dict[str, dict[str, str]]:
    """`["onnx.opset=15"]` as `{"onnx": {"opset": "15"}}`; what fits is for the format to say."""
    options: dict[str, dict[str, str]] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        format_key, _, key = name.partition(".")
        if not (key and value):
            cure = "For example onnx.opset=15."
            raise InputError("The option --option takes FORMAT.KEY=VALUE.", received=pair, cure=cure)
        options.setdefault(format_key, {})[key] = value
    return options


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
    name: Annotated[str, typer.Option(help="Its name; by default that of the file.")] = "",
    demo: Annotated[str | None, typer.Option(help="The demo whose code built the model, for a checkpoint.")] = None,
    signature: Annotated[str, typer.Option(help="The signature to call, if there are several.")] = "",
    shape: Annotated[
        Strings, typer.Option(metavar="INPUT=SIZExSIZE", help="The shape of a row, where sizes are free (repeatable).")
    ] = None,
    keep_state: Annotated[
        bool, typer.Option("--keep-state", help="Keep what the model remembers from row to row: they are one sequence.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import a model from outside: checked, looked into, loaded and asked in sandboxed processes, then kept."""
    options: dict[str, Any] = {"demo": demo, "signature": signature, "label": name}
    options |= {"shapes": parse_shapes(shape or []), "keeps_state": keep_state}
    with open_jobs() as jobs:
        result = wait_for_job(jobs, _start_import(jobs, path, with_, options)).result
    print_result(result if as_json else [result], as_json, IMPORT_COLUMNS)
    if not as_json:
        _print_import(result)
    if result["verdict"] == Verdict.NOT_VERIFIED:
        exit_on_failures([(Verdict.NOT_VERIFIED.label, result["error"])])


def _print_import(result: dict[str, Any]) -> None:
    if result["verdict"] == Verdict.NOT_RUN:
        print_text(str(error_from_json(result["error"])))
    for line in _import_lines(result):
        print_text(line)


def _start_import(jobs: Jobs, path: Path, architecture: Path | None, options: dict[str, Any]) -> Job:
    """Start the job for a file, or for an artifact that is stored already: then the options given replace its own."""
    if ID_PATTERN.fullmatch(str(path)) and not path.exists():
        return jobs.reimport_model(str(path), **{name: value for name, value in options.items() if value})
    return jobs.import_model(**_gather_files(jobs, path, architecture)._asdict(), **options)


def _gather_files(jobs: Jobs, path: Path, architecture: Path | None) -> StoredUpload | RemoteUpload:
    """A single file where it lies, several as they were copied. Raises InputError for one that is not there."""
    weights = path.with_suffix(OPENVINO_BIN_SUFFIX) if path.suffix.lower() == OPENVINO_XML_SUFFIX else None
    paths = [path, *filter(None, (architecture, weights))]
    for file in paths:
        if not file.exists():
            raise InputError("There is no such file.", received=file.name, cure="Check its name and place.")
    if len(paths) == 1 or path.is_dir():
        parts = {"architecture": architecture} if architecture else {}
        return StoredUpload(path, path.resolve().name, parts, None)
    return store_upload(jobs.library, [NamedFile(file.name, file) for file in paths])


def _import_lines(result: dict[str, Any]) -> Iterator[str]:
    for verb, specs in (("takes", result["inputs"]), ("gives", result["outputs"])):
        for spec in specs:
            yield f"{verb} {spec['name']}: {describe_axes(spec['shape'])}, {spec['dtype']}"
    for check in result["checks"]:
        yield f"{'left out' if check.get('left') else 'checked'}: {check['what']}. {check['remark'] or ''}".rstrip()


@app.command()
def resume(
    run: RunId,
    artifacts: Ids,
    epochs: Annotated[str, typer.Option(metavar="NUMBER", help="Number of epochs, 1 to 20.")] = "2",
    seed: Annotated[
        str, typer.Option(metavar="NUMBER", help="Random seed of the order of the rows, the same for all.")
    ] = "0",
    code: Code = None,
    as_json: AsJson = False,
) -> None:
    """Resume training of a run's live model and of copies over the same batches, and say where they diverge."""
    epoch_count, row_seed = parse_whole_number("epochs", epochs), parse_whole_number("seed", seed)
    with open_jobs() as jobs:
        ended = wait_for_job(jobs, jobs.resume(run, artifacts, epoch_count, parse_code_sources(code), row_seed))
        copies = {id_: ResumeResult.model_validate(copy) for id_, copy in ended.result["copies"].items()}
        rows = [_resume_row(jobs.library, id_, copy) for id_, copy in copies.items()]
    print_result(rows, as_json, RESUME_COLUMNS)
    print_warnings((id_, copy.remark) for id_, copy in copies.items())
    exit_on_failures((id_, copy.error) for id_, copy in copies.items() if copy.ending == ResumeVerdict.FAILED)


def _resume_row(library: Library, id_: str, copy: ResumeResult) -> TableRow:
    artifact = library.artifact(id_)
    facts = {"artifact": id_, "run": artifact.run, "format": artifact.format, "trust": artifact.trust}
    return {**facts, "first_difference": copy.gap.first if copy.gap else None, **copy.model_dump(mode="json")}
