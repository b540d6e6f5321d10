"""Runs and artifacts that are made once for all processes of a test session, and copied by the others.

Each process of pytest-xdist has a library of its own. What one has trained or saved lies in a folder beside all of
them, under a lock for each demo; the ids, the files and their hashes are the same everywhere.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable
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
                self._runs[demo] = self._get(self._folder / demo / "run.json", lambda: self._train(demo))
        return self._runs[demo]

    def rows(self, demo: str, formats: Iterable[str]) -> Rows:
        """Return the rows of a save (see `core.jobs.save`) by format; what no process has saved yet is saved."""
        run, rows, keys = self.run(demo), self._rows.setdefault(demo, {}), list(formats)
        if not rows.keys() >= set(keys):
            with self._lock(demo):
                for path in sorted((self._folder / demo).glob("row-*.json")):
                    if path.name not in (f"row-{key}.json" for key in rows):
                        rows |= self._get(path, dict)
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

    def _get(self, record: Path, make: Callable[[], Any]) -> Any:
        """Return what another process has made, after copying its entry into this library, or make it."""
        if not record.is_file():
            return make()
        shared = json.loads(record.read_text())
        home = self._jobs.library.home / shared["kind"]
        if shared["id"] and not (home / shared["id"]).exists():
            with self._jobs.library.staging() as staged:
                shutil.copytree(record.parent / shared["kind"] / shared["id"], staged / "entry")
                os.rename(staged / "entry", home / shared["id"])
            self._jobs.library.rebuild_catalog()
        return shared["value"]


def share_bench_models(home: Path, folder: Path) -> None:
    """Let a library use what any process has trained for the break-it bench, and leave there what it trains."""
    (home / "cache").mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    if not (home / "cache" / "break-it").exists():
        (home / "cache" / "break-it").symlink_to(folder)
