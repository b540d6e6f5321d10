"""`LocalEntry`: one entry in a folder: the files that never change, and the documents that people change."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from core.library import permissions, records
from core.library.annotation_files import ANNOTATIONS_FILE
from core.library.reads import REFUSALS_FILE
from core.library.records import FileEntry
from core.library.storage import compute_sha256, list_files
from core.library.trash_folder import REMOVAL_FILE
from core.object_store.manifests import Manifest
from core.record import INVALID_JSON_ERRORS

FOLDER_BY_KIND = {**records.FOLDER_BY_KIND, "i": "inputs", "j": "jobs"}  # by the first letter of an id
# The record that lists an entry's files, and the folder to which their paths are relative.
RECORD_BY_KIND = {"r": (permissions.RECORD_BY_KIND["r"], ""), "a": (permissions.RECORD_BY_KIND["a"], "files/")}
RECORD_BY_KIND |= {"i": ("inputs.json", "")}
DOCUMENT_FILES = (ANNOTATIONS_FILE, REFUSALS_FILE, REMOVAL_FILE)
PASSED_OVER = ("cancel",)  # beside a job's record: a marker for its process

OnBytes = Callable[[int], None]


class LocalEntry(NamedTuple):
    """An entry in a library's home; one in the trash has a removal document."""

    id: str
    folder: Path

    def documents(self) -> dict[str, str | None]:
        """The texts of its documents by file name; None for one that it does not have."""
        texts: dict[str, str | None] = dict.fromkeys(DOCUMENT_FILES)
        for name in texts:
            with contextlib.suppress(FileNotFoundError):
                texts[name] = (self.folder / name).read_text(encoding="utf-8")
        return texts

    def files(self) -> dict[str, Path]:
        """The files that never change, by path below the folder, sorted; links are none."""
        names = (*DOCUMENT_FILES, *PASSED_OVER)
        return {
            path.relative_to(self.folder).as_posix(): path
            for path in list_files(self.folder)
            if path.parent != self.folder or path.name not in names
        }

    def has_sizes_of(self, manifest: Manifest) -> bool:
        """Whether the files are those of a manifest, by paths and sizes."""
        sizes = {name: path.stat().st_size for name, path in self.files().items()}
        return sizes == {file.path: file.bytes for file in manifest.files}

    def make_manifest(self, on_bytes: OnBytes, is_recorded: bool) -> Manifest:
        """List the files with the hashes of the entry's record, or with those that they have now.

        Raises OSError, and what `on_bytes` raises.
        """
        recorded = self._recorded_hashes() if is_recorded else {}
        files = [
            FileEntry(
                path=name,
                bytes=path.stat().st_size,
                sha256=recorded.get(name) or compute_sha256(path, on_bytes),
            )
            for name, path in self.files().items()
        ]
        return Manifest.model_validate({"schema": 1, "id": self.id, "files": files})

    def _recorded_hashes(self) -> dict[str, str]:
        """Hashes by path; none where there is no record, or a broken one, which is brought along as it is."""
        record, prefix = RECORD_BY_KIND.get(self.id[0], ("", ""))
        try:
            document = json.loads((self.folder / record).read_text(encoding="utf-8"))
            return {f"{prefix}{file['path']}": str(file["sha256"]) for file in document["files"]}
        except (OSError, *INVALID_JSON_ERRORS):
            return {}
