"""Uploaded files, and stored files of an earlier import, as requests of an import."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from core.errors import InputError, cleanup_on_error
from core.jobs.execution.given_files import MODEL
from core.library import Library, staging
from core.library.records import Run
from core.object_store import RemoteFile
from core.uploads import NamedFile, place_file
from core.validation.file_types import is_plain_name

WEIGHTS_SUFFIX, ARCHITECTURE_SUFFIX, OPENVINO_XML_SUFFIX, OPENVINO_BIN_SUFFIX = ".h5", ".json", ".xml", ".bin"
PAIRED_SUFFIXES = (
    (WEIGHTS_SUFFIX, ARCHITECTURE_SUFFIX),
    (".zip", ARCHITECTURE_SUFFIX),  # of weights in shards
    (OPENVINO_XML_SUFFIX, OPENVINO_BIN_SUFFIX),
)
MODELS = "models"  # the folder of several
UPLOAD, PART, PAIR = "upload", "part", "pair"  # what one model, the file beside it, and OpenVINO's two are stored as
ARCHITECTURE = "architecture"  # what the file beside weights is, for an import
OPENVINO_FILES = ("model.xml", "model.bin")


class StoredUpload(NamedTuple):
    """What `Jobs.import_model` is given: the path, its owner's name for it, further files, and our folder, if any."""

    path: Path
    name: str
    parts: dict[str, Path]
    temporary_folder: Path | None


class RemoteUpload(NamedTuple):
    """What it is given of files in a team's store: their owner's name for the model, and which they are."""

    name: str
    remote: tuple[RemoteFile, ...]


def store_upload(library: Library, files: Sequence[NamedFile]) -> StoredUpload | RemoteUpload:
    """Put one or two files into a folder of ours on the library's disk; what lies in a team's store stays there.

    Two are weights with their architecture, or OpenVINO's XML with its numbers. Raises InputError for any other two,
    StorageFailed.
    """
    main, companion = _identify_files([file.name for file in files])
    if _are_remote(files):
        return RemoteUpload(main, _name_remote({file.name: file for file in files}, main, companion))
    folder = staging.create_staging_folder(library.home)
    with cleanup_on_error(lambda: staging.release_staging_folder(folder)):
        return _place_upload(folder, {file.name: file for file in files}, main, companion)


def store_models(library: Library, files: Sequence[NamedFile]) -> StoredUpload:
    """Put files into a folder of ours on the library's disk: a zip, or a folder of models.

    Raises InputError for a name that cannot stand in a folder, or stands twice; StorageFailed.
    """
    name = _name_models(files)
    folder = staging.create_staging_folder(library.home)
    with cleanup_on_error(lambda: staging.release_staging_folder(folder)):
        (folder / MODELS).mkdir()
        paths = [place_file(file, folder / MODELS / file.name) for file in files]
        return StoredUpload(paths[0] if name else folder / MODELS, name, {}, folder)


def give_models(library: Library, files: Sequence[NamedFile]) -> StoredUpload | RemoteUpload:
    """The same for a worker of a team: what lies in its store stays there. Raises as `store_models`."""
    if not _are_remote(files):
        return store_models(library, files)
    name = _name_models(files)
    if name:
        return RemoteUpload(name, (_locate_remote(MODEL, name, "", files[0]),))
    return RemoteUpload(MODELS, tuple(_locate_remote(MODEL, MODELS, file.name, file) for file in files))


def give_swept_models(library: Library, files: Sequence[NamedFile]) -> StoredUpload | RemoteUpload:
    """The same for a sweep, by the names of whose files it is known which models they are; zips are unpacked on this
    machine. Raises as `store_models`."""
    has_zip = any(file.name.casefold().endswith(".zip") for file in files)
    return store_models(library, files) if has_zip else give_models(library, files)


def _locate_remote(argument: str, name: str, path: str, file: NamedFile) -> RemoteFile:
    """Raises StorageFailed, and UnknownName where it was deleted."""
    assert not isinstance(file.source, Path)
    return RemoteFile(argument, name, path, file.name, file.bytes, file.sha256, file.source.list_parts())


def _are_remote(files: Sequence[NamedFile]) -> bool:
    return all(not isinstance(file.source, Path) for file in files)


def _name_models(files: Sequence[NamedFile]) -> str:
    """The name of a zip; empty for models, which go into a folder. Raises InputError."""
    names = [file.name for file in files]
    if wrong := [name for name in names if not is_plain_name(name) or names.count(name) > 1]:
        cure = "Rename it, or put them all into one zip."
        raise InputError("A file has a name that is not taken, or two have the same.", received=wrong[0], cure=cure)
    return names[0] if len(names) == 1 and names[0].casefold().endswith(".zip") else ""


def _identify_files(names: list[str]) -> tuple[str, str | None]:
    """Return the main file, and its companion where there are two."""
    if len(names) == 1:
        _reject_openvino_half(names[0])
        return names[0], None
    for suffixes in PAIRED_SUFFIXES:
        pair = [next((name for name in names if name.lower().endswith(suffix)), "") for suffix in suffixes]
        if len(names) == 2 and all(pair):
            return pair[0], pair[1]
    cure = "Choose one file; or weights (.h5, or a zip of shards) with their .json; or .xml with its .bin; or a zip."
    raise InputError("These files do not belong together.", received=", ".join(names)[:300] or "no file", cure=cure)


def _reject_openvino_half(name: str) -> None:
    """Raise InputError for one of OpenVINO's two files alone."""
    for half, companion, content in (
        (OPENVINO_XML_SUFFIX, OPENVINO_BIN_SUFFIX, "graph"),
        (OPENVINO_BIN_SUFFIX, OPENVINO_XML_SUFFIX, "numbers"),
    ):
        if name.lower().endswith(half):
            sentence = f"This is one of OpenVINO's two files, the {content}, and the other is missing."
            cure = f"Choose both together: this one, and the {companion} that lies beside it."
            raise InputError(sentence, received=name[:300], cure=cure)


def _place_upload(folder: Path, files: dict[str, NamedFile], main: str, companion: str | None) -> StoredUpload:
    if companion is None or companion.lower().endswith(ARCHITECTURE_SUFFIX):
        path = place_file(files[main], folder / UPLOAD)
        parts = {} if companion is None else {ARCHITECTURE: place_file(files[companion], folder / PART)}
        return StoredUpload(path, main, parts, folder)
    pair = folder / PAIR
    pair.mkdir()
    for name, stored in zip((main, companion), OPENVINO_FILES, strict=True):
        place_file(files[name], pair / stored)
    return StoredUpload(pair, main, {}, folder)


def _name_remote(files: dict[str, NamedFile], main: str, companion: str | None) -> tuple[RemoteFile, ...]:
    """Files of a store under the names that `_place_upload` gives them on a disk."""
    if companion is None or companion.lower().endswith(ARCHITECTURE_SUFFIX):
        model = place_model(_locate_remote(MODEL, "", "", files[main]))
        return (
            (model,) if companion is None else (model, place_architecture(_locate_remote("", "", "", files[companion])))
        )
    pair = zip((main, companion), OPENVINO_FILES, strict=True)
    return tuple(_locate_remote(MODEL, PAIR, stored, files[name]) for name, stored in pair)


def place_model(file: RemoteFile) -> RemoteFile:
    """Return a file of a store as an import takes a model."""
    return file._replace(argument=MODEL, name=UPLOAD, path="")


def place_architecture(file: RemoteFile) -> RemoteFile:
    """Return a file of a store as an import takes the architecture beside weights."""
    return file._replace(argument=ARCHITECTURE, name=PART, path="")


def run_of_artifact(library: Library, artifact_id: str) -> Run:
    """Return the run of an artifact. Raises UnknownName, UnreadableRecord."""
    return library.run(library.artifact(artifact_id).run)
