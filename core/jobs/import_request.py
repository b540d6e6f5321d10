"""Requests of an import: what a person asks for, and stored files that were never run."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from core.demos import get_demo
from core.errors import InputError, RoundtripError, cleanup_on_error
from core.jobs.uploads import run_of_artifact
from core.library import Library, staging
from core.library.records import Artifact
from core.validation.file_names import display_file_name
from core.validation.file_types import FILE_NAMES


@dataclass(frozen=True)
class ImportRequest:
    """What a person imports: a file or folder, what it is called, further files by what they are, the demo whose code
    belongs to it, and the signature that answers. `temporary_folder` is deleted when the work is done;
    `stored_artifact` is the artifact whose files these are, where they were stored earlier; `shapes` are those of one
    row of an input; `keeps_state` says that what the model remembers is kept from row to row."""

    path: Path
    name: str
    parts: dict[str, Path] = field(default_factory=dict)
    demo: str | None = None
    signature: str = ""
    label: str = ""
    temporary_folder: Path | None = None
    stored_artifact: str = ""
    shapes: dict[str, list[int]] = field(default_factory=dict)
    keeps_state: bool = False

    def to_json(self) -> "ImportRequestJson":
        """For the job's record: no path of this machine."""
        return {
            "name": display_file_name(self.name),
            "parts": sorted(self.parts),
            "again": self.stored_artifact,
            "shapes": self.shapes,
            "keeps_state": self.keeps_state,
            "demo": self.demo,
            "signature": self.signature,
            "label": self.label,
        }

    def discard(self) -> None:
        """Delete the temporary folder."""
        if self.temporary_folder:
            staging.release_staging_folder(self.temporary_folder)


class ImportRequestJson(TypedDict):
    """An `ImportRequest` in the record of its job: `again` is the artifact whose stored files these are."""

    name: str
    parts: list[str]
    again: str
    shapes: dict[str, list[int]]
    keeps_state: bool
    demo: str | None
    signature: str
    label: str


def build_import_request(request: ImportRequest) -> ImportRequestJson:
    """Validate the request of the job. Raises InputError and UnknownName, and then its temporary folder is gone."""
    with cleanup_on_error(request.discard):
        if not request.path.exists():
            raise InputError("There is no such file.", received=request.path.name, cure="Check its name and place.")
        if request.demo:
            get_demo(request.demo)
    return request.to_json()


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
