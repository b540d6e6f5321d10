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
from core.validation.upload import FILES

WEIGHTS, LAYERS, GRAPH, NUMBERS = ".weights.h5", ".json", ".xml", ".bin"
PAIR = ("model.xml", "model.bin")


class Received(NamedTuple):
    """What `Jobs.bring_in` is given: where it lies, what its owner calls it, what came with it, and our folder."""

    path: Path
    name: str
    parts: dict[str, Path]
    ours: Path

    def asked(self) -> dict[str, Any]:
        return self._asdict()


def receive(library: Library, given: Sequence[tuple[str, BinaryIO]]) -> Received:
    """Copy one or two open files, each with the name that its owner gave it, to the library's disk.

    Two are weights with their architecture, or OpenVINO's XML with its numbers. Raises InputError for any other two,
    StorageFailed.
    """
    names = [name for name, _ in given]
    main, other = _sorted_out(names)
    folder = storage.stage(library.home)
    with cleanup_on_error(lambda: storage.give_up(folder)):
        return _laid(folder, dict(given), main, other)


def _sorted_out(names: list[str]) -> tuple[str, str | None]:
    """The file that is meant, and the one that belongs to it."""
    if len(names) == 1:
        _require_whole(names[0])
        return names[0], None
    for main, other in ((WEIGHTS, LAYERS), (GRAPH, NUMBERS)):
        found = [next((name for name in names if name.lower().endswith(one)), None) for one in (main, other)]
        if len(names) == 2 and all(found):
            return found[0], found[1]
    raise InputError(
        "These files do not belong together.",
        received=", ".join(names)[:300] or "no file",
        cure="Choose one file; or .weights.h5 with its .json; or .xml with its .bin; or a zip of a folder.",
    )


def _require_whole(name: str) -> None:
    """Raises InputError for one of OpenVINO's two files alone."""
    for half, other, what in ((GRAPH, NUMBERS, "graph"), (NUMBERS, GRAPH, "numbers")):
        if name.lower().endswith(half):
            raise InputError(
                f"This is one of OpenVINO's two files, the {what}, and the other is missing.",
                received=name[:300],
                cure=f"Choose both together: this one, and the {other} that lies beside it.",
            )


def _laid(folder: Path, given: dict[str, BinaryIO], main: str, other: str | None) -> Received:
    if other is None or other.lower().endswith(LAYERS):
        path = _copied(given[main], folder / "upload")
        parts = {} if other is None else {"architecture": _copied(given[other], folder / "part")}
        return Received(path, main, parts, folder)
    pair = folder / "pair"
    pair.mkdir()
    for name, ours in zip((main, other), PAIR, strict=True):
        _copied(given[name], pair / ours)
    return Received(pair, main, {}, folder)


def _copied(stream: BinaryIO, path: Path) -> Path:
    with storage.disk(), path.open("wb") as file:
        shutil.copyfileobj(stream, file, storage.CHUNK)
    return path


def run_of_copy(library: Library, artifact_id: str) -> Run:
    """Raises UnknownName, UnreadableRecord."""
    return library.run(library.artifact(artifact_id).run)


def kept_as_given(library: Library, artifact_id: str) -> dict[str, Any]:
    """What `core.jobs.import_model.Given` holds for the kept files of what was brought in.

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
