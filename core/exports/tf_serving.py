"""A SavedModel as TensorFlow Serving wants it: below a model's name, a folder whose name is the version's number."""

import re
import unicodedata
from pathlib import Path

from core.errors import InputError
from core.exports.archive import Parcel, files_of, require_free, zipped
from core.formats import get_format
from core.formats.standalone import open_saved_model
from core.library import Library, storage
from core.library.integrity import Checked

LONGEST = 64  # characters of a name
MOST = 2**63 - 1  # TensorFlow Serving keeps versions as 64-bit integers


def serving_name(text: str) -> str:
    """A text as a name that any server takes: letters, digits, "_" and "-". Raises InputError where none is left."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    name = re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-")[:LONGEST].rstrip("-")
    if not name:
        raise InputError("The name holds no letter and no digit.", received=text[:80], cure="Give one such as digits.")
    return name


def serving_version(text: str | int) -> int:
    """Raises InputError for anything but a whole number of 1 or more."""
    number = int(text) if str(text).isascii() and str(text).isdigit() and len(str(text)) < 20 else 0
    if not 1 <= number <= MOST:
        raise InputError(
            "A version is a whole number.", received=str(text)[:40], cure="Give 1 or more; the largest is served."
        )
    return number


def serving_zip(library: Library, artifact_id: str, name: str, version: str | int = 1) -> Parcel:
    """`name/version/...` as a zip. Raises as `serving_files`."""
    kept = serving_files(library, artifact_id, name, version)
    name, version = serving_name(name), serving_version(version)
    return zipped(library, kept, f"{name}-{version}.zip")


def serving_files(library: Library, artifact_id: str, name: str, version: str | int = 1) -> dict[str, Checked]:
    """The files of a SavedModel by their path in a folder of models.

    Raises UnknownName, Damaged; InputError where the copy is no SavedModel, or name or version do not fit.
    """
    place = f"{serving_name(name)}/{serving_version(version)}"
    one = get_format(library.artifact(artifact_id).format)
    if not is_served(one.key):
        raise InputError(
            "TensorFlow Serving reads SavedModels, and this copy is none.",
            received=one.label,
            cure="Save the run as SavedModel or as Keras export, and take that copy.",
        )
    return {f"{place}/{path}": file for path, file in files_of(library, artifact_id).items()}


def is_served(format_key: str) -> bool:
    """Whether copies of this format are SavedModels."""
    kit = get_format(format_key).kit
    return kit is not None and kit.load is open_saved_model


def write_folder(kept: dict[str, Checked], folder: Path) -> int:
    """Write the files below a folder of models, the version whole or not at all; gives its bytes.

    Raises InputError where that version is there already, Damaged, StorageFailed.
    """
    folder = folder.expanduser()
    name, version = next(iter(kept)).split("/")[:2]
    require_free(folder / name / version, force=False, parent=folder)
    with storage.disk():
        beside = folder / name / f".{version}.new"
        storage.discard(beside)
        try:
            for place, one in kept.items():
                path = beside.joinpath(*place.split("/")[2:])
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as file:
                    file.writelines(one.read(0, one.bytes))
            storage.seal(beside)
            storage.move(beside, folder / name / version)
        finally:
            storage.discard(beside)
    return sum(one.bytes for one in kept.values())
