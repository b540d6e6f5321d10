"""Commands: write a proof kit, or what TensorFlow Serving reads."""

from pathlib import Path
from typing import Annotated

import typer

from core.cli.console import AsJson, open_library, parse_id, print_result
from core.exports.archive import write_archive
from core.exports.proof_kit import build_proof_kit
from core.exports.tf_serving import build_serving_zip, list_serving_files, write_serving_folder

app = typer.Typer(rich_markup_mode=None)
Force = Annotated[bool, typer.Option("--force", help="Replace a file of that name.")]


@app.command()
def kit(
    artifact: Annotated[str, typer.Argument(metavar="ID", parser=parse_id)],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Default: DEMO-FORMAT-DATE-kit.zip.")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write an artifact's proof kit: the copy, how to load it, what to ask it, what it must answer, as one zip."""
    with build_proof_kit(open_library(), artifact) as archive:
        path = out or Path(archive.name)
        _print_file(artifact, path, write_archive(archive, path, force), as_json)


@app.command()
def serving(
    artifact: Annotated[str, typer.Argument(metavar="ID", parser=parse_id)],
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
