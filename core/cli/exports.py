"""Commands: write a proof kit, or what TensorFlow Serving reads."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.console import (
    AsJson,
    Id,
    Strings,
    exit_on_failures,
    open_jobs,
    open_library,
    print_result,
    wait_for_job,
)
from core.compare.verdict import Verdict
from core.environments.judge import EnvironmentAnswer
from core.errors import InputError
from core.exports.archive import write_archive
from core.exports.proof_kit import build_proof_kit
from core.exports.tf_serving import build_serving_zip, list_serving_files, write_serving_folder

app = typer.Typer(rich_markup_mode=None)
Force = Annotated[bool, typer.Option("--force", help="Replace a file of that name.")]


@app.command()
def kit(
    artifact: Id,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Default: DEMO-FORMAT-DATE-kit.zip.")
    ] = None,
    environments: Annotated[
        Strings,
        typer.Option(
            "--in",
            metavar="ENV",
            help="Put in what the copy answers in this environment (repeatable), which is asked where it was not yet.",
        ),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write an artifact's proof kit: the copy, how to load it, what to ask it, what it must answer, as one zip."""
    answers, failures = _ask_environments(artifact, environments) if environments else ([], [])
    with build_proof_kit(open_library(), artifact, answers) as archive:
        path = out or Path(archive.name)
        _print_file(artifact, path, write_archive(archive, path, force), as_json)
    exit_on_failures(failures)


def _ask_environments(
    artifact: str, environments: Sequence[str]
) -> tuple[list[EnvironmentAnswer], list[tuple[str, dict[str, str]]]]:
    """Return what a copy answers in environments, and why it does not in others."""
    from core.environments import get_environment
    from core.jobs.elsewhere_answers import find_kit_answers

    keys, errors = [get_environment(key).key for key in dict.fromkeys(environments)], {}
    with open_jobs() as jobs:
        run = jobs.library.artifact(artifact).run
        answers = find_kit_answers(jobs.job_store, artifact)
        if missing := [key for key in keys if key not in answers]:
            result = wait_for_job(jobs, jobs.ask_elsewhere(run, missing, [artifact])).result
            errors = _list_errors(result, artifact, missing)
            answers = find_kit_answers(jobs.job_store, artifact)
            errors |= {key: _not_kept_error() for key in missing if key not in errors and key not in answers}
    return [answers[key] for key in keys if key in answers], list(errors.items())


def _not_kept_error() -> dict[str, str]:
    sentence = "It answered there, and its predictions were not kept: they are too large, or the disk is full."
    cure = "Make room and ask again; `roundtrip elsewhere` says how far they are off."
    return InputError(sentence, cure=cure).to_json()


def _list_errors(result: Mapping[str, Any], artifact: str, environments: list[str]) -> dict[str, dict[str, str]]:
    """Say by environment why nothing is known of the copy there."""
    row = result["rows"][artifact]
    errors = {key: built["error"] for key, built in result["environments"].items() if "error" in built}
    for key in environments:
        cell = row["cells"].get(key)
        if row["error"]:
            errors[key] = row["error"]
        elif cell and cell["verdict"] == Verdict.NOT_VERIFIED:
            errors[key] = cell["error"]
        elif not cell and key not in errors:
            cure = "Save the run in a format that it takes, and ask for that copy."
            errors[key] = InputError("It takes no copies in this format.", received=row["format"], cure=cure).to_json()
    return errors


@app.command()
def serving(
    artifact: Id,
    name: Annotated[str, typer.Option(help="The name under which it is served.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.zip|FOLDER", help="A zip, or a folder of models.")],
    version: Annotated[str, typer.Option(help="The version's number.")] = "1",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a SavedModel in the layout of TensorFlow Serving: NAME/VERSION/ with its files."""
    library = open_library()
    if out.expanduser().is_dir():
        files = list_serving_files(library, artifact, name, version)
        folder = out.joinpath(*next(iter(files)).split("/")[:2])
        _print_file(artifact, folder, write_serving_folder(files, out), as_json)
        return
    with build_serving_zip(library, artifact, name, version) as archive:
        _print_file(artifact, out, write_archive(archive, out, force), as_json)


def _print_file(artifact: str, path: Path, size: int, as_json: bool) -> None:
    row = {"artifact": artifact, "file": str(path), "bytes": size}
    print_result(row if as_json else [row], as_json, ("artifact", "file", "bytes"))
