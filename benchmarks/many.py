"""A library of any size, made from a few real artifacts: their files are linked, their records get ids of their own."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.library import Library
from core.library.ids import new_id
from core.record import now


def many_artifacts(source: Library, home: Path, count: int) -> None:
    """Fill a new library at `home` with the runs of `source` and `count` copies of its artifacts, in turn."""
    for name in ("runs", "artifacts"):
        (home / name).mkdir(parents=True)
    for run in source.runs():
        _link(source.home / "runs" / run.id, home / "runs" / run.id)
    originals = [entry.id for entry in source.find()]
    began = datetime.fromisoformat(now())
    for index in range(count):
        _copy(source, home, originals[index % len(originals)], began - timedelta(minutes=index))


def _copy(source: Library, home: Path, original: str, created: datetime) -> None:
    id_ = new_id("a")
    folder = home / "artifacts" / id_
    _link(source.home / "artifacts" / original, folder)
    when = created.astimezone(UTC).isoformat(timespec="milliseconds")
    record = source.artifact(original).model_copy(update={"id": id_, "created": when})
    # Replaced, not written into: the file is a link to the original's record.
    (folder / "artifact.json").unlink()
    (folder / "artifact.json").write_text(record.to_json_text(), encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=os.link)
