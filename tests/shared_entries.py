"""Runs and artifacts that are made once for all processes of a test session, and copied by the others.

Each process of pytest-xdist has a library of its own. What one has trained or saved lies in a folder beside all of
them, under a lock for each demo; the ids, the files and their hashes are the same everywhere.
"""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock

from core.jobs import Jobs
from tests.helpers import wait_until_done

Rows = dict[str, dict[str, Any]]


class SharedEntries:
    """The runs of demos, trained for two epochs, and their copies in each format, over one process's jobs."""

    def __init__(self, folder: Path, jobs: Jobs):
        self._folder, self._jobs = folder, jobs
        self._runs: dict[str, str] = {}
        self._rows: dict[str, Rows] = {}

    def run(self, demo: str) -> str:
        """Return the id of a demo's run, which is trained at the first call in any process."""
        if demo not in self._runs:
            with self._lock(demo):
                record = self._folder / demo / "run.json"
                self._runs[demo] = self._take([record])[0] if record.is_file() else self._train(demo)
        return self._runs[demo]

    def rows(self, demo: str, formats: Iterable[str]) -> Rows:
        """Return the rows of a save (see `core.jobs.save`) by format; what no process has saved yet is saved."""
        run, rows, keys = self.run(demo), self._rows.setdefault(demo, {}), list(formats)
        if not rows.keys() >= set(keys):
            with self._lock(demo):
                known = {f"row-{key}.json" for key in rows}
                records = sorted((self._folder / demo).glob("row-*.json"))
                for row in self._take([path for path in records if path.name not in known]):
                    rows |= row
                if missing := [key for key in keys if key not in rows]:
                    rows |= self._save(demo, run, missing)
        return {key: rows[key] for key in keys}

    def _lock(self, demo: str) -> FileLock:
        (self._folder / demo).mkdir(parents=True, exist_ok=True)
        return FileLock(self._folder / f"{demo}.lock")

    def _train(self, demo: str) -> str:
        run = wait_until_done(self._jobs, self._jobs.train(demo, epochs=2)).result["run"]
        self._share(demo, "run", run, "runs", run)
        return run

    def _save(self, demo: str, run: str, formats: list[str]) -> Rows:
        rows = wait_until_done(self._jobs, self._jobs.save(run, formats)).result["rows"]
        for key, row in rows.items():
            self._share(demo, f"row-{key}", {key: row}, "artifacts", row.get("artifact"))
        return rows

    def _share(self, demo: str, name: str, value: Any, kind: str, id_: str | None) -> None:
        """Copy an entry beside all libraries; its record comes last, so that nobody sees a part of it."""
        if id_:
            shutil.copytree(self._jobs.library.home / kind / id_, self._folder / demo / kind / id_)
        (self._folder / demo / f"{name}.json").write_text(json.dumps({"kind": kind, "id": id_, "value": value}))

    def _take(self, records: list[Path]) -> list[Any]:
        """Return what another process has made, after copying its entries into this library."""
        shared = [json.loads(record.read_text()) | {"beside": record.parent} for record in records]
        missing = [entry for entry in shared if entry["id"] and not self._place(entry).exists()]
        for entry in missing:
            with self._jobs.library.staging() as staged:
                shutil.copytree(entry["beside"] / entry["kind"] / entry["id"], staged / "entry")
                os.rename(staged / "entry", self._place(entry))
        if missing:
            self._jobs.library.rebuild_catalog()
        return [entry["value"] for entry in shared]

    def _place(self, entry: dict[str, Any]) -> Path:
        return self._jobs.library.home / entry["kind"] / entry["id"]


def share_bench_models(home: Path, folder: Path) -> None:
    """Let a library use what any process has trained for the break-it bench, and leave there what it trains."""
    (home / "cache").mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    if not (home / "cache" / "break-it").exists():
        (home / "cache" / "break-it").symlink_to(folder)
