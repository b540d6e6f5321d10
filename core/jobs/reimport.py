"""Import a stored file again, in place of one that was never run."""

import contextlib
from pathlib import Path
from typing import TypedDict

from core.errors import InputError, RoundtripError
from core.jobs.uploads import run_of_artifact
from core.library import Library
from core.library.records import Artifact
from core.validation.file_types import FILE_NAMES


class ReimportArguments(TypedDict):
    """Fields of `core.jobs.import_request.ImportRequest`."""

    path: Path
    name: str
    parts: dict[str, Path]
    demo: str | None
    signature: str
    label: str
    shapes: dict[str, list[int]]
    keeps_state: bool
    stored_artifact: str


def reimport_arguments(library: Library, artifact_id: str) -> ReimportArguments:
    """What is imported again of the stored files of an imported artifact.

    Raises InputError for any other artifact, UnknownName, Damaged.
    """
    artifact, run = library.artifact(artifact_id), run_of_artifact(library, artifact_id)
    if run.brought.get("artifact") != artifact_id:
        cure = "Choose one that was imported."
        raise InputError("This copy was made here and not imported.", received=artifact_id, cure=cure)
    folder = library.verified_folder(artifact_id)
    architecture = folder / FILE_NAMES["architecture"]
    has_architecture = artifact.format == "weights" and architecture.is_file()  # of shards it lies in their folder
    has_files_beside = artifact.format == "onnx" and len(list(folder.iterdir())) > 1
    return {
        "path": folder if has_files_beside else folder / FILE_NAMES.get(artifact.format, ""),
        "name": run.brought["file"],
        "parts": {"architecture": architecture} if has_architecture else {},
        "demo": run.brought.get("demo"),
        "signature": run.brought.get("signature") or "",
        "label": run.name,
        "shapes": dict(run.brought.get("shapes") or {}),
        "keeps_state": bool(run.brought.get("keeps_state")),
        "stored_artifact": artifact_id,
    }


def replace_unrun_import(library: Library, old_artifact_id: str, artifact: Artifact) -> None:
    """After a file that had only been stored was run, move tags, notes, pins and aliases to the new artifact, and the
    old one into the trash. What was run before stays as it is, beside the new one."""
    former = run_of_artifact(library, old_artifact_id)
    if former.has_been_run:
        return
    # The new one is whole, whatever cannot be moved: another may have changed or removed the former one meanwhile.
    with contextlib.suppress(RoundtripError):
        for old, new in ((former.id, artifact.run), (old_artifact_id, artifact.id)):
            marks = library.annotations(old)
            library.annotate(new, tags=marks.tags, note=marks.note, pinned=marks.pinned, shared=marks.shared)
            library.annotate(old, pinned=False)
        for alias, id_ in library.aliases().items():
            if id_ == old_artifact_id:
                library.set_alias(alias, artifact.id)
        library.remove(former.id)
