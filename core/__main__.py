"""The command line: `python -m core --help`. The same functions as the pages, without a browser.

Each command takes `--json`. The exit status is 0 only if all went well; an error is one line on standard error.
`ROUNDTRIP_HOME` says where the library lies.
"""

import json
from typing import Annotated, Any

import typer

from core import matrix as survived
from core.compare import Verdict
from core.demos import DEMOS
from core.errors import InputError, RoundtripError
from core.evidence import Outcome
from core.formats import all_formats
from core.library import Library
from core.library.content import account
from core.terminal import complain, finish, open_jobs, show, warn

app = typer.Typer(
    help="Save a TensorFlow model every way there is, reload each copy in a fresh process, and prove what came back.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
OF_A_RUN = {"name", "demo", "kind", "parameters", "score", "score_name", "seconds", "created"}
COMPARED = {"verdict", "max_abs", "mean_abs", "changed_rows", "rows", "not_finite", "error"}
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


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
    rows = [_saved_row(run, key, row) for key, row in end.result["rows"].items()]
    show(rows, as_json, ("format", "artifact", "bytes", "seconds", "verdict"))
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


def _saved_row(run: str, key: str, row: dict[str, Any]) -> dict[str, Any]:
    facts = {
        name: row.get(name) for name in ("artifact", "bytes", "seconds", "verdict", "needs_code", "warning", "error")
    }
    return {"run": run, "format": key} | facts


@app.command("list")
def list_(
    search: Annotated[str, typer.Argument(help="Words to look for in ids, runs, demos and formats.")] = "",
    demo: Annotated[list[str] | None, typer.Option(help="Only of these demos.")] = None,
    format: Annotated[list[str] | None, typer.Option(help="Only in these formats.")] = None,
    runs: Annotated[bool, typer.Option("--runs", help="List runs instead of artifacts.")] = False,
    trash: Annotated[bool, typer.Option("--trash", help="List what can be restored.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the artifacts in the library, newest first."""
    if runs:
        found = [{"run": run.id, **run.model_dump(include=OF_A_RUN)} for run in Library().runs()]
        show(found, as_json, ("run", "name", "demo", "score_name", "score", "created"))
        return
    library = Library()
    found = library.trashed() if trash else library.find(search, demo or (), format or ())
    rows = [
        {"artifact": entry.id, **{key: value for key, value in entry._asdict().items() if key != "id"}}
        for entry in found
    ]
    show(rows, as_json, ("artifact", "format", "run", "demo", "bytes", "verdict", "created", "problem"))


@app.command("show")
def show_(id_: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show a run, or an artifact with its evidence."""
    library = Library()
    if id_.startswith("r"):
        found = {"run": id_, **library.run(id_).model_dump(mode="json", by_alias=True, exclude={"id"})}
    else:
        record, evidence = library.artifact(id_), library.evidence(id_)
        found = {"artifact": id_, "bytes": record.bytes, "verdict": evidence.best.verdict.value}
        found |= {"other_versions": record.other_versions} if record.other_versions else {}
        found |= record.model_dump(mode="json", by_alias=True, exclude={"id"})
        found |= {"evidence": evidence.model_dump(mode="json", by_alias=True)}
    if as_json:
        show(found, True)
        return
    for name, value in found.items():
        typer.echo(f"{name}: {value if not isinstance(value, dict | list) else json.dumps(value, indent=2)}")


@app.command("bytes")
def bytes_(artifact: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show where the bytes of an artifact go: weights, optimizer state, graph, padding; they add up to its size."""
    library = Library()
    parts, notes = account(library, artifact)
    rows = [{"artifact": artifact, **part._asdict()} for part in parts]
    if as_json:
        total = library.artifact(artifact).bytes
        show({"artifact": artifact, "bytes": total, "parts": rows, "notes": notes}, True)
        return
    show(rows, False, ("bytes", "group", "name", "where"))
    typer.echo("\n".join(notes))


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
    rows = survived.matrix(Library(), run)
    if as_json:
        show([one.to_json() for one in rows], True)
        return
    typer.echo(survived.as_csv(rows) if as_csv else survived.as_markdown(rows))


@app.command()
def remove(ids: Annotated[list[str], typer.Argument(metavar="ID...")], as_json: AsJson = False) -> None:
    """Move artifacts, or runs with all of their artifacts, into the trash."""
    library = Library()
    show([{"removed": moved} for id_ in ids for moved in library.remove(id_)], as_json, ("removed",))


@app.command()
def restore(ids: Annotated[list[str], typer.Argument(metavar="ID...")], as_json: AsJson = False) -> None:
    """Bring entries back from the trash."""
    library = Library()
    show([{"restored": moved} for id_ in ids for moved in library.restore(id_)], as_json, ("restored",))


@app.command()
def verify(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Everything in the library.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hold every file against the hash that was kept with it."""
    library = Library()
    if not ids and not all_:
        raise InputError("Nothing was named to verify.", cure="Give ids, or --all.")
    rows = [_verified(library, id_) for id_ in (library.ids() if all_ else ids)]
    show(rows, as_json, ("id", "state", "sentence"))
    if any(row["state"] != "intact" for row in rows):
        raise typer.Exit(1)


def _verified(library: Library, id_: str) -> dict[str, Any]:
    try:
        library.verify(id_)
    except RoundtripError as error:
        return {"id": id_, "state": error.code, "sentence": str(error)}
    return {"id": id_, "state": "intact", "sentence": ""}


def main() -> None:
    try:
        app()
    except RoundtripError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
