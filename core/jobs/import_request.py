"""Requests of an import: what a person asks for, uploaded files, and stored files that were never run."""

import contextlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypedDict

from core.demos import get_demo
from core.errors import InputError, RoundtripError, UnpairedRows, cleanup_on_error
from core.inputs.fitting import describe_axes
from core.library import Library, staging, storage
from core.library.records import Artifact, Run
from core.runtimes.specs import InputSpec
from core.validation.file_types import FILE_NAMES
from core.validation.rules import display_file_name

Shapes = Mapping[str, Sequence[int]]  # of one row of an input, by its name


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


WEIGHTS_SUFFIX, ARCHITECTURE_SUFFIX, OPENVINO_XML_SUFFIX, OPENVINO_BIN_SUFFIX = ".h5", ".json", ".xml", ".bin"
PAIRED_SUFFIXES = (
    (WEIGHTS_SUFFIX, ARCHITECTURE_SUFFIX),
    (".zip", ARCHITECTURE_SUFFIX),  # of weights in shards
    (OPENVINO_XML_SUFFIX, OPENVINO_BIN_SUFFIX),
)
OPENVINO_FILES = ("model.xml", "model.bin")


class StoredUpload(NamedTuple):
    """What `Jobs.import_model` is given: the path, its owner's name for it, further files, and our folder, if any."""

    path: Path
    name: str
    parts: dict[str, Path]
    temporary_folder: Path | None


def store_upload(library: Library, uploads: Sequence[tuple[str, BinaryIO]]) -> StoredUpload:
    """Copy one or two open files, each with the name that its owner gave it, to the library's disk.

    Two are weights with their architecture, or OpenVINO's XML with its numbers. Raises InputError for any other two,
    StorageFailed.
    """
    main, companion = _identify_files([name for name, _ in uploads])
    folder = staging.create_staging_folder(library.home)
    with cleanup_on_error(lambda: staging.release_staging_folder(folder)):
        return _copy_upload(folder, dict(uploads), main, companion)


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


def _copy_upload(folder: Path, streams: dict[str, BinaryIO], main: str, companion: str | None) -> StoredUpload:
    if companion is None or companion.lower().endswith(ARCHITECTURE_SUFFIX):
        path = _copy_stream(streams[main], folder / "upload")
        parts = {} if companion is None else {"architecture": _copy_stream(streams[companion], folder / "part")}
        return StoredUpload(path, main, parts, folder)
    pair = folder / "pair"
    pair.mkdir()
    for name, stored in zip((main, companion), OPENVINO_FILES, strict=True):
        _copy_stream(streams[name], pair / stored)
    return StoredUpload(pair, main, {}, folder)


def _copy_stream(stream: BinaryIO, path: Path) -> Path:
    with storage.translate_disk_errors(), path.open("wb") as file:
        shutil.copyfileobj(stream, file, storage.CHUNK_BYTES)
    return path


def run_of_artifact(library: Library, artifact_id: str) -> Run:
    """Return the run of an artifact. Raises UnknownName, UnreadableRecord."""
    return library.run(library.artifact(artifact_id).run)


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


def state_shape(spec: InputSpec, shapes: Shapes) -> InputSpec:
    """An input in the shape that a person stated. Raises InputError where the file says something else."""
    shape = shapes.get(spec["name"])
    own = spec["shape"]
    if shape is None:
        return spec
    if own is not None and not _fits(own[1:], shape):
        kind = UnpairedRows if _fits(own, shape) else InputError
        sentence = f"A row of the input “{spec['name']}” has another shape than the one that was stated."
        cure = f"Its shape is {describe_axes(own)}, the rows first: state the sizes that it leaves free."
        raise kind(sentence, received=" × ".join(map(str, shape)), cure=cure)
    return {**spec, "shape": [None, *shape]}


def _fits(free: Sequence[int | None], shape: Sequence[int]) -> bool:
    return len(free) == len(shape) and all(own in (None, size) for own, size in zip(free, shape, strict=True))


def parse_shapes(texts: Iterable[str]) -> dict[str, list[int]]:
    """`["x=200x4"]` as `{"x": [200, 4]}`: the shape of one row of an input. Raises InputError."""
    shapes = {}
    for text in texts:
        name, _, sizes = text.rpartition("=")
        numbers = [part.strip() for part in sizes.lower().replace("×", "x").split("x")]
        if not name.strip() or not all(number.isdecimal() and int(number) for number in numbers):
            sentence = "The shape of a row is stated as INPUT=SIZE, with x between several sizes."
            raise InputError(sentence, received=text, cure="For example x=200x4.")
        shapes[name.strip()] = [int(number) for number in numbers]
    return shapes
