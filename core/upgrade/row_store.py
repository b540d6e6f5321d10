"""Rows that were asked before, by what was asked: a second call goes on where the first stopped.

A row lies in a folder that is named by the hash of the model's files, of both environments and of our scripts in them,
with what was cured. A file that changed, or an environment of other packages, is asked anew.
"""

import contextlib
import hashlib
import json
import os
import shutil
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from core.environments.base import SCRIPTS, Environment
from core.library.staging import staging_folder
from core.library.storage import delete_folder, size_on_disk, translate_disk_errors
from core.upgrade.rows import SCHEMA_VERSION, UpgradeRow

MAX_ROWS = 2_000  # that are kept, those asked last
MAX_BYTES = 4 * 10**9  # of them with their cured files; those asked last are kept
ROW_FILE = "row.json"


@cache
def hash_scripts() -> str:
    """Hash what runs in the environments: a row that another release of it gave is asked anew."""
    digest = hashlib.sha256()
    for path in sorted(SCRIPTS.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


class RowStore:
    """The rows of earlier calls in a library's folder. Safe to use from several processes."""

    def __init__(self, home: Path, source: Environment, target: Environment):
        self.home, self.folder = home, home / "cache" / "upgrades"
        self._sides = source.key, source.folder_name, target.key, target.folder_name

    def _path(self, sha256: str) -> Path:
        text = json.dumps([SCHEMA_VERSION, hash_scripts(), *self._sides, sha256])
        return self.folder / hashlib.sha256(text.encode()).hexdigest()[:32]

    def find(self, name: str, sha256: str) -> UpgradeRow | None:
        """Return the row of a model of these files, under the name that it has now; None where there is none."""
        path = self._path(sha256)
        try:
            row = UpgradeRow.model_validate_json((path / ROW_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError, ValidationError):
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # it was used last
        return row.model_copy(update={"name": name, "is_reused": True})

    def cured_file(self, row: UpgradeRow) -> Path | None:
        """Return the path of what was cured of a row; None where nothing was written, or it is gone."""
        cure = row.proven_cure
        path = self._path(row.sha256) / cure.file if cure and cure.file else None
        return path if path and path.exists() else None

    def add(self, row: UpgradeRow, cured: Path | None) -> None:
        """Keep a row with the file or folder of its cure. Raises StorageFailed."""
        path = self._path(row.sha256)
        with translate_disk_errors(), staging_folder(self.home) as staged:
            cure = row.proven_cure
            if cured and cure and cure.file:
                copy = shutil.copytree if cured.is_dir() else shutil.copyfile
                copy(cured, staged / cure.file)
            (staged / ROW_FILE).write_text(row.model_dump_json(), encoding="utf-8")
            self.folder.mkdir(parents=True, exist_ok=True)
            delete_folder(path)
            with contextlib.suppress(OSError):  # another call was faster
                os.rename(staged, path)
            self._prune()

    def _prune(self) -> None:
        """Delete the rows used longest ago, where there are too many or they are too large."""
        kept_bytes = 0
        used = {path: path.stat().st_mtime for path in self.folder.iterdir()}
        for at, path in enumerate(sorted(used, key=lambda path: used[path], reverse=True)):
            kept_bytes += size_on_disk(path)
            if at >= MAX_ROWS or kept_bytes > MAX_BYTES:
                delete_folder(path)
