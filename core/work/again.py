"""What was brought in once is brought in again from the files that were kept: to be run at last, or asked otherwise."""

import contextlib
from typing import Any

from core.errors import InputError, RoundtripError
from core.gate.passing import FILES
from core.library import Library
from core.library.records import Artifact, Run


def run_of_copy(library: Library, artifact_id: str) -> Run:
    """Raises UnknownName, UnreadableRecord."""
    return library.run(library.artifact(artifact_id).run)


def kept_as_given(library: Library, artifact_id: str) -> dict[str, Any]:
    """What `core.work.importing.Given` holds for the kept files of what was brought in.

    Raises InputError for any other artifact, UnknownName, Damaged.
    """
    artifact, run = library.artifact(artifact_id), run_of_copy(library, artifact_id)
    if run.brought.get("artifact") != artifact_id:
        raise InputError(
            "This copy was made here and not brought in.",
            received=artifact_id,
            cure="Choose one that was brought in from outside.",
        )
    folder, one = library.files(artifact_id), FILES.get(artifact.format)
    layers = folder / FILES["architecture"]
    return {
        "path": folder / one if one else folder,
        "name": run.brought["file"],
        "parts": {"architecture": layers} if artifact.format == "weights" and layers.is_file() else {},
        "demo": run.brought.get("demo"),
        "signature": run.brought.get("signature") or "",
        "label": run.name,
        "again": artifact_id,
    }


def take_over(library: Library, former_id: str, artifact: Artifact) -> None:
    """After a file that had only been kept was run: tags, notes, pins and aliases go to what it has become, and what
    was kept goes into the trash. What was run before stays as it is, beside its other self."""
    former = run_of_copy(library, former_id)
    if former.was_run:
        return
    # It is whole already, whatever cannot be moved: another may have changed or removed the former one meanwhile.
    with contextlib.suppress(RoundtripError):
        for old, new in ((former.id, artifact.run), (former_id, artifact.id)):
            marks = library.marks(old)
            library.mark(new, tags=marks.tags, note=marks.note, pinned=marks.pinned, shared=marks.shared)
            library.mark(old, pinned=False)
        for alias, id_ in library.aliases().items():
            if id_ == former_id:
                library.point(alias, artifact.id)
        library.remove(former.id)
