"""The layout of TensorFlow Serving: a SavedModel in the folder `name/version`."""

import re
import unicodedata
from pathlib import Path

from core.errors import InputError
from core.exports.archive import StreamedArchive, archive_members, require_free_path, verify_artifact_files
from core.formats import get_format
from core.formats.standalone_loaders import open_saved_model
from core.library import Library, integrity, storage
from core.library.integrity import VerifiedFile

MAX_NAME_LENGTH = 64  # characters of a name
MAX_VERSION = 2**63 - 1  # TensorFlow Serving keeps versions as 64-bit integers


def normalize_serving_name(text: str) -> str:
    """Reduce a text to letters, digits, "_" and "-". Raises InputError where none is left."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    name = re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-")[:MAX_NAME_LENGTH].rstrip("-")
    if not name:
        raise InputError("The name holds no letter and no digit.", received=text[:80], cure="Give one such as digits.")
    return name


def parse_serving_version(text: str | int) -> int:
    """Parse a whole number of 1 or more. Raises InputError for anything else."""
    number = int(text) if str(text).isascii() and str(text).isdigit() and len(str(text)) < 20 else 0
    if not 1 <= number <= MAX_VERSION:
        cure = "Give 1 or more; the largest is served."
        raise InputError("A version is a whole number.", received=str(text)[:40], cure=cure)
    return number


def build_serving_zip(library: Library, artifact_id: str, name: str, version: str | int = 1) -> StreamedArchive:
    """Stream `name/version/...` as a zip. Raises what `list_serving_files` raises."""
    files = list_serving_files(library, artifact_id, name, version)
    file_name = f"{normalize_serving_name(name)}-{parse_serving_version(version)}.zip"
    return archive_members(library, files, file_name)


def list_serving_files(
    library: Library, artifact_id: str, name: str, version: str | int = 1
) -> dict[str, VerifiedFile]:
    """Verify the files of a SavedModel; by their paths in a folder of models.

    Raises UnknownName, Damaged; InputError where the copy is no SavedModel, or name or version do not fit.
    """
    folder = f"{normalize_serving_name(name)}/{parse_serving_version(version)}"
    format_ = get_format(library.artifact(artifact_id).format)
    if not is_servable(format_.key):
        raise InputError(
            "TensorFlow Serving reads SavedModels, and this copy is none.",
            received=format_.label,
            cure="Save the run as SavedModel or as Keras export, and take that copy.",
        )
    return {f"{folder}/{path}": file for path, file in verify_artifact_files(library, artifact_id).items()}


def is_servable(format_key: str) -> bool:
    """Whether copies of this format are SavedModels."""
    kit = get_format(format_key).kit
    return kit is not None and kit.load is open_saved_model


def write_serving_folder(files_by_path: dict[str, VerifiedFile], folder: Path) -> int:
    """Write the files below a folder of models, whole or not at all, and return their bytes.

    Raises InputError where that version is there already, Damaged, StorageFailed.
    """
    folder = folder.expanduser()
    name, version = next(iter(files_by_path)).split("/")[:2]
    require_free_path(folder / name / version, force=False, parent=folder)
    with storage.translate_disk_errors():
        temporary = folder / name / f".{version}.new"
        storage.delete_folder(temporary)
        try:
            for place, source in files_by_path.items():
                path = temporary.joinpath(*place.split("/")[2:])
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as file:
                    file.writelines(source.read(0, source.bytes))
            integrity.hash_and_flush(temporary)
            storage.rename_durably(temporary, folder / name / version)
        finally:
            storage.delete_folder(temporary)
    return sum(file.bytes for file in files_by_path.values())
