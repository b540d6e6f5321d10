"""Uploaded files to a request; re-import of stored files.

Files as a person hands them over: laid on the library's disk under names of ours, told apart by their endings.

What was brought in once is brought in again from the files that were kept: to be run at last, or asked otherwise.
"""

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from core.errors import InputError, RoundtripError, cleanup_on_error
from core.library import Library, storage
from core.library.records import Artifact, Run
from core.validation.file_types import FILE_NAMES

WEIGHTS_SUFFIX, ARCHITECTURE_SUFFIX, OPENVINO_XML_SUFFIX, OPENVINO_BIN_SUFFIX = ".weights.h5", ".json", ".xml", ".bin"
OPENVINO_FILES = ("model.xml", "model.bin")


class StoredUpload(NamedTuple):
    """What `Jobs.bring_in` is given: where it lies, what its owner calls it, what came with it, and our folder."""

    path: Path
    name: str
    parts: dict[str, Path]
    temporary_folder: Path

    def import_arguments(self) -> dict[str, Any]:
        return self._asdict()


def store_upload(library: Library, uploads: Sequence[tuple[str, BinaryIO]]) -> StoredUpload:
    """Copy one or two open files, each with the name that its owner gave it, to the library's disk.

    Two are weights with their architecture, or OpenVINO's XML with its numbers. Raises InputError for any other two,
    StorageFailed.
    """
    names = [name for name, _ in uploads]
    main, other = _identify_files(names)
    folder = storage.create_staging_folder(library.home)
    with cleanup_on_error(lambda: storage.release_staging_folder(folder)):
        return _copy_upload(folder, dict(uploads), main, other)


def _identify_files(names: list[str]) -> tuple[str, str | None]:
    """The file that is meant, and the one that belongs to it."""
    if len(names) == 1:
        _require_openvino_pair(names[0])
        return names[0], None
    for main, other in ((WEIGHTS_SUFFIX, ARCHITECTURE_SUFFIX), (OPENVINO_XML_SUFFIX, OPENVINO_BIN_SUFFIX)):
        found = [next((name for name in names if name.lower().endswith(one)), None) for one in (main, other)]
        if len(names) == 2 and all(found):
            return found[0], found[1]
    raise InputError(
        "These files do not belong together.",
        received=", ".join(names)[:300] or "no file",
        cure="Choose one file; or .weights.h5 with its .json; or .xml with its .bin; or a zip of a folder.",
    )


def _require_openvino_pair(name: str) -> None:
    """Raises InputError for one of OpenVINO's two files alone."""
    for half, other, what in (
        (OPENVINO_XML_SUFFIX, OPENVINO_BIN_SUFFIX, "graph"),
        (OPENVINO_BIN_SUFFIX, OPENVINO_XML_SUFFIX, "numbers"),
    ):
        if name.lower().endswith(half):
            raise InputError(
                f"This is one of OpenVINO's two files, the {what}, and the other is missing.",
                received=name[:300],
                cure=f"Choose both together: this one, and the {other} that lies beside it.",
            )


def _copy_upload(folder: Path, streams: dict[str, BinaryIO], main: str, other: str | None) -> StoredUpload:
    if other is None or other.lower().endswith(ARCHITECTURE_SUFFIX):
        path = _copy_stream(streams[main], folder / "upload")
        parts = {} if other is None else {"architecture": _copy_stream(streams[other], folder / "part")}
        return StoredUpload(path, main, parts, folder)
    pair = folder / "pair"
    pair.mkdir()
    for name, ours in zip((main, other), OPENVINO_FILES, strict=True):
        _copy_stream(streams[name], pair / ours)
    return StoredUpload(pair, main, {}, folder)


def _copy_stream(stream: BinaryIO, path: Path) -> Path:
    with storage.translate_disk_errors(), path.open("wb") as file:
        shutil.copyfileobj(stream, file, storage.CHUNK_BYTES)
    return path


def run_of_artifact(library: Library, artifact_id: str) -> Run:
    """Raises UnknownName, UnreadableRecord."""
    return library.run(library.artifact(artifact_id).run)


def reimport_arguments(library: Library, artifact_id: str) -> dict[str, Any]:
    """What `core.jobs.import_model.ImportRequest` holds for the kept files of what was brought in.

    Raises InputError for any other artifact, UnknownName, Damaged.
    """
    artifact, run = library.artifact(artifact_id), run_of_artifact(library, artifact_id)
    if run.brought.get("artifact") != artifact_id:
        raise InputError(
            "This copy was made here and not brought in.",
            received=artifact_id,
            cure="Choose one that was brought in from outside.",
        )
    folder, one = library.verified_folder(artifact_id), FILE_NAMES.get(artifact.format)
    layers = folder / FILE_NAMES["architecture"]
    return {
        "path": folder / one if one else folder,
        "name": run.brought["file"],
        "parts": {"architecture": layers} if artifact.format == "weights" and layers.is_file() else {},
        "demo": run.brought.get("demo"),
        "signature": run.brought.get("signature") or "",
        "label": run.name,
        "stored_artifact": artifact_id,
    }


def replace_unrun_import(library: Library, old_artifact_id: str, artifact: Artifact) -> None:
    """After a file that had only been kept was run: tags, notes, pins and aliases go to what it has become, and what
    was kept goes into the trash. What was run before stays as it is, beside its other self."""
    former = run_of_artifact(library, old_artifact_id)
    if former.has_been_run:
        return
    # It is whole already, whatever cannot be moved: another may have changed or removed the former one meanwhile.
    with contextlib.suppress(RoundtripError):
        for old, new in ((former.id, artifact.run), (old_artifact_id, artifact.id)):
            marks = library.annotations(old)
            library.annotate(new, tags=marks.tags, note=marks.note, pinned=marks.pinned, shared=marks.shared)
            library.annotate(old, pinned=False)
        for alias, id_ in library.aliases().items():
            if id_ == old_artifact_id:
                library.set_alias(alias, artifact.id)
        library.remove(former.id)
