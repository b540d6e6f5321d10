"""What a person asks for when a model is imported, validated before its job starts."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from core.demos import get_demo
from core.errors import InputError, cleanup_on_error
from core.library import staging
from core.validation.file_names import display_file_name


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
