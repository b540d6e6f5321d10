"""Cured files in the folder of their job, for every machine of a team: the rows' own store is that of one machine."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from core.library.storage import size_on_disk, translate_disk_errors
from core.upgrade.row_store import RowStore
from core.upgrade.rows import UpgradeRow

FOLDER = "cured"
MAX_BYTES = 10**9  # of one job, which is fetched whole where its page is looked at


def keep_cures(store: RowStore, rows: Iterable[UpgradeRow], folder: Path) -> None:
    """Put what cured the rows into the folder of a job, as far as there is room for it. Raises StorageFailed."""
    left = MAX_BYTES
    for row in rows:
        cured, target = store.cured_file(row), _cure_path(folder, row)
        if cured is None or target is None or target.exists() or (size := size_on_disk(cured)) > left:
            continue
        left -= size
        with translate_disk_errors():
            target.parent.mkdir(parents=True, exist_ok=True)
            if cured.is_dir():
                shutil.copytree(cured, target, copy_function=os.link)
            else:
                os.link(cured, target)


def find_kept_cure(folder: Path, row: UpgradeRow) -> Path | None:
    """Return the path of what cured a row in the folder of a job; None where it is not there."""
    path = _cure_path(folder, row)
    return path if path and path.exists() else None


def _cure_path(folder: Path, row: UpgradeRow) -> Path | None:
    cure = row.proven_cure
    return folder / FOLDER / row.sha256[:32] / cure.file if cure and cure.file else None
