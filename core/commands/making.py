"""Commands that make something: what can be trained and saved, train, save."""

from typing import Annotated, Any

import typer

from core.demos import DEMOS
from core.errors import InputError
from core.formats import all_formats
from core.library import Run
from core.terminal import AsJson, complain, finish, open_jobs, show, warn

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
