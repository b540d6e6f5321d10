"""Commands that take something out of the library: kit, serving."""

from pathlib import Path
from typing import Annotated, Any

import typer

from core.kit import proof_kit
from core.kit.serving import serving_files, serving_zip, write_folder
from core.library.parcel import Parcel, write_out
from core.terminal import AsJson, as_id, open_library, show

app = typer.Typer()
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
