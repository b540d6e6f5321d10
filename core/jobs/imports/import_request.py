"""Requests of an import: what a person asks for, the shapes that they state, and stored files that were never run."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict

from core.demos import get_demo
from core.errors import InputError, RoundtripError, UnpairedRows
from core.inputs.fitting import describe_axes
from core.jobs.execution.given_files import MODEL, GivenFiles
from core.jobs.uploads import run_of_artifact
from core.library import Library
from core.library.records import Artifact
from core.runtimes.specs import InputSpec
from core.validation.file_types import FILE_NAMES, display_file_name


@dataclass(frozen=True)
class ImportOptions:
    """What a person says of what they import: the demo whose code belongs to it, the signature that is to answer, what
    the run is to be called, the shapes of one row of an input, and whether what the model remembers is kept from row to
    row."""

    demo: str | None = None
    signature: str = ""
    label: str = ""
    shapes: dict[str, list[int]] = field(default_factory=dict)
    keeps_state: bool = False


class ImportRequest(TypedDict):
    """In the record of its job: no path of this machine. `parts` came beside the model; `again` is the artifact whose
    stored files these are, where they were stored earlier; the rest are `ImportOptions`."""

    name: str
    parts: list[str]
    again: str
    demo: str | None
    signature: str
    label: str
    shapes: dict[str, list[int]]
    keeps_state: bool


def build_import_request(files: GivenFiles, options: ImportOptions) -> ImportRequest:
    """Validate what `Jobs.import_model` is given. Raises InputError and UnknownName."""
    if MODEL not in files.arguments:
        raise InputError("There is no such file.", received=files.name, cure="Check its name and place.")
    if options.demo:
        get_demo(options.demo)
    return _make_request(files, options)


def _make_request(files: GivenFiles, options: ImportOptions, again: str = "") -> ImportRequest:
    return {
        "name": display_file_name(files.name),
        "parts": sorted(files.arguments - {MODEL}),
        "again": again,
        "demo": options.demo,
        "signature": options.signature,
        "label": options.label,
        "shapes": options.shapes,
        "keeps_state": options.keeps_state,
    }


def build_reimport_request(library: Library, artifact_id: str, **changes: Any) -> ImportRequest:
    """What is imported again of the stored files of an imported artifact, with `changes` of its options.

    Raises InputError for any other artifact, UnknownName, Damaged.
    """
    files, run = find_stored_files(library, artifact_id), run_of_artifact(library, artifact_id)
    options = ImportOptions(
        demo=run.brought.get("demo"),
        signature=run.brought.get("signature") or "",
        label=run.name,
        shapes=dict(run.brought.get("shapes") or {}),
        keeps_state=bool(run.brought.get("keeps_state")),
    )
    return _make_request(files, replace(options, **changes), artifact_id)


def find_stored_files(library: Library, artifact_id: str) -> GivenFiles:
    """The stored files of an imported artifact, as they came. Raises InputError for any other, UnknownName, Damaged."""
    artifact, run = library.artifact(artifact_id), run_of_artifact(library, artifact_id)
    if run.brought.get("artifact") != artifact_id:
        cure = "Choose one that was imported."
        raise InputError("This copy was made here and not imported.", received=artifact_id, cure=cure)
    folder = library.verified_folder(artifact_id)
    architecture = folder / FILE_NAMES["architecture"]
    has_architecture = artifact.format == "weights" and architecture.is_file()  # of shards it lies in their folder
    has_files_beside = artifact.format == "onnx" and len(list(folder.iterdir())) > 1
    model = folder if has_files_beside else folder / FILE_NAMES.get(artifact.format, "")
    parts = {"architecture": architecture} if has_architecture else {}
    return GivenFiles({MODEL: model, **parts}, run.brought["file"])


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


Shapes = Mapping[str, Sequence[int]]  # of one row of an input, by its name


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
