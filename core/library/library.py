"""The library: all runs and artifacts that are kept, whole or absent, whatever is killed when."""

import contextlib
import csv
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.errors import RoundtripError
from core.evidence import Evidence, Original
from core.formats.reference import Reference
from core.library import files
from core.library.catalog import IN_MEMORY, Catalog
from core.library.entries import ID, Entry, checked_id, new_id, unknown
from core.library.records import Artifact, Run
from core.settings import settings
from core.worker import Worker

FOLDERS = ("runs", "artifacts", "trash", "staging", "jobs")
KINDS = {"r": "runs", "a": "artifacts"}
RECORDS = {"r": "run.json", "a": "artifact.json"}


class Library:
    """Runs and artifacts in a folder (`ROUNDTRIP_HOME`), and a catalog of them.

    Opening it makes the folder, and clears away what processes that are gone had staged.
    Raises StorageFailed when the folder cannot be made.
    """

    def __init__(self, home: Path | str | None = None, catalog_url: str = ""):
        self.home = Path(home or settings().home).expanduser().resolve()
        with files.disk():
            for name in FOLDERS:
                (self.home / name).mkdir(parents=True, exist_ok=True)
            self._clear_staging()
        default = f"sqlite:///{(self.home / 'catalog.sqlite').as_posix()}"
        named = catalog_url or settings().catalog_url
        self._catalog = Catalog(named or default, ours=not named)

    # Reading

    def find(self, search: str = "", demos: Iterable[str] = (), formats: Iterable[str] = ()) -> list[Entry]:
        """The artifacts that fit, newest first; a bad one is listed with its problem and stops nothing."""
        self._catalog.sync(self._stamps(), self._entry)
        return self._catalog.find(search, demos, formats)

    def runs(self) -> list[Run]:
        """All readable runs, newest first."""
        found = []
        for folder in (self.home / "runs").iterdir():
            with contextlib.suppress(RoundtripError):  # an unreadable run still shows, as its artifacts' problem
                found.append(self.run(folder.name))
        return sorted(found, key=lambda run: run.created, reverse=True)

    def run(self, id_: str) -> Run:
        """Raises UnknownName, UnreadableRecord."""
        return Run.read(self._folder(id_, "r") / "run.json")

    def artifact(self, id_: str) -> Artifact:
        """Raises UnknownName, UnreadableRecord."""
        return Artifact.read(self._folder(id_, "a") / "artifact.json")

    def evidence(self, id_: str) -> Evidence:
        """Raises UnknownName, UnreadableRecord."""
        return Evidence.read(self._folder(id_, "a") / "evidence.json")

    def original(self, run: Run) -> Original:
        """What the copies of a run are held against."""
        return Original(weights=run.weights, optimizer=run.optimizer, classes=bool(run.labels) or None)

    def reference(self, run_id: str) -> Reference:
        """Raises Damaged when it is not what was kept."""
        return Reference.read(self._checked(run_id, "reference.npz"))

    def history(self, run_id: str) -> list[dict[str, float | None]]:
        """Losses and metrics of each epoch; None where a number was not finite. Empty for a run that a person added."""
        if not any(entry.path == "history.csv" for entry in self.run(run_id).files):
            return []
        with self._checked(run_id, "history.csv").open(newline="", encoding="utf-8") as file:
            return [{name: float(text) if text else None for name, text in row.items()} for row in csv.DictReader(file)]

    def snapshot(self, run_id: str) -> Path:
        """The folder from which the run's model can be rebuilt. Raises Damaged when it is not what was kept."""
        folder = self._folder(run_id, "r")
        files.check(folder, [entry for entry in self.run(run_id).files if entry.path.startswith("snapshot/")])
        return folder / "snapshot"

    def files(self, artifact_id: str) -> Path:
        """The folder with exactly what the format wrote, checked byte for byte. Raises Damaged."""
        folder = self._folder(artifact_id, "a") / "files"
        files.check(folder, self.artifact(artifact_id).files)
        return folder

    def refusals(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Formats that did not take a run: by format `{"created", "error"}`. A result as any other, and kept as one."""
        try:
            return json.loads((self._folder(run_id, "r") / "refused.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}

    def keep_refusals(self, run_id: str, refused: dict[str, dict[str, Any]], taken: Iterable[str]) -> None:
        """Note the formats that refused a run, and forget earlier refusals of those that have taken it since."""
        noted = {key: found for key, found in self.refusals(run_id).items() if key not in set(taken)} | refused
        with files.disk():
            files.write_text(self._folder(run_id, "r") / "refused.json", json.dumps(noted, indent=2))

    def verify(self, id_: str) -> None:
        """Hold every file of a run or an artifact against its hash. Raises Damaged."""
        if id_.startswith("r"):
            files.check(self._folder(id_, "r"), self.run(id_).files)
        else:
            self.files(id_)

    def stamp(self, id_: str) -> str:
        """Another one whenever a file of the entry is touched: a hash of names, sizes and times. Raises UnknownName."""
        return files.stamp(self._folder(id_))

    def ids(self) -> list[str]:
        """Of all runs and artifacts, readable or not."""
        return sorted(folder.name for kind in KINDS.values() for folder in (self.home / kind).iterdir())

    def folder(self, id_: str) -> Path:
        """Where an entry lies. Raises UnknownName."""
        return self._folder(id_)

    def strangers(self) -> list[Path]:
        """What lies among runs and artifacts, and is no entry of ours."""
        found = [one for kind in KINDS.values() for one in (self.home / kind).iterdir()]
        return sorted(one for one in found if KINDS.get(one.name[:1]) != one.parent.name or not ID.fullmatch(one.name))

    def _checked(self, run_id: str, name: str) -> Path:
        folder = self._folder(run_id, "r")
        files.check(folder, [entry for entry in self.run(run_id).files if entry.path == name])
        return folder / name

    def _folder(self, id_: str, kinds: str = "ar") -> Path:
        folder = self.home / KINDS[checked_id(id_, kinds)[0]] / id_
        if not folder.is_dir():
            raise unknown(id_)
        return folder

    def _stamps(self) -> dict[str, int]:
        """The time of the latest change to each artifact's folder or records."""
        return {one.name: _latest(one.path) for one in os.scandir(self.home / "artifacts")}

    def _entry(self, id_: str) -> Entry:
        try:
            artifact, evidence = self.artifact(id_), self.evidence(id_)
            run = self.run(artifact.run)
        except RoundtripError as error:
            return Entry(id=id_, problem=str(error))
        return Entry(
            id=id_,
            run=run.id,
            run_name=run.name,
            demo=run.demo,
            format=artifact.format,
            created=artifact.created,
            bytes=artifact.bytes,
            verdict=evidence.best.verdict.value,
            needs_code=evidence.needs_code,
        )

    # Writing

    def staging(self) -> contextlib.AbstractContextManager[Path]:
        """An empty folder on the library's own disk; whatever is still in it at the end is gone."""
        return files.staging(self.home)

    def keep_run(self, staged: Path, facts: dict[str, Any]) -> Run:
        """Keep a staged run (history.csv, snapshot/, reference.npz): hashed, flushed, renamed. Raises StorageFailed."""
        with files.disk():
            run = Run(id=new_id("r"), files=files.seal(staged), **facts)
            self._keep(staged, run, {"run.json": run.text()})
        return run

    def keep_artifact(self, staged: Path, run_id: str, evidence: Evidence, **facts: Any) -> Artifact:
        """Keep a staged copy (its files in `files/`) with its evidence; `facts` are other fields of its record.

        Raises StorageFailed.
        """
        with files.disk():
            entries = files.seal(staged / "files")
            artifact = Artifact(id=new_id("a"), run=run_id, files=entries, **facts)
            self._keep(staged, artifact, {"artifact.json": artifact.text(), "evidence.json": evidence.text()})
        return artifact

    def _keep(self, staged: Path, record: Run | Artifact, texts: dict[str, str]) -> None:
        for name, text in texts.items():
            files.write_text(staged / name, text)
        files.flush(staged)
        files.move(staged, self.home / KINDS[record.id[0]] / record.id)

    def remove(self, id_: str) -> list[str]:
        """Move an artifact, or a run with all of its artifacts, into the trash; gives the ids that moved."""
        self._folder(id_)
        ids = [entry.id for entry in self.find() if entry.run == id_] + [id_]
        with files.disk():
            for one in ids:
                files.move(self._folder(one), self.home / "trash" / one)
        return ids

    def restore(self, id_: str) -> list[str]:
        """Bring an entry back from the trash, an artifact with its run; gives the ids that came back."""
        checked_id(id_)
        if not (self.home / "trash" / id_).is_dir():
            raise unknown(id_)
        ids = self._with_run(id_)
        with files.disk():
            for one in ids:
                files.move(self.home / "trash" / one, self.home / KINDS[one[0]] / one)
        return ids

    def _with_run(self, id_: str) -> list[str]:
        with contextlib.suppress(RoundtripError):  # an unreadable record comes back as it went
            if id_.startswith("a"):
                run = Artifact.read(self.home / "trash" / id_ / "artifact.json").run
                return [run, id_] if (self.home / "trash" / run).is_dir() else [id_]
        return [id_]

    def trash(self) -> list[str]:
        """Ids of what can be restored."""
        return sorted(folder.name for folder in (self.home / "trash").iterdir())

    def trashed(self) -> list[Entry]:
        """What can be restored, with what its record says of it; the order is that of `trash`."""
        return [self._trashed(id_) for id_ in self.trash()]

    def _trashed(self, id_: str) -> Entry:
        folder = self.home / "trash" / id_
        try:
            if id_.startswith("r"):
                run = Run.read(folder / "run.json")
                return Entry(id_, run_name=run.name, demo=run.demo, created=run.created)
            artifact = Artifact.read(folder / "artifact.json")
        except RoundtripError as error:
            return Entry(id_, problem=str(error))
        return Entry(id_, run=artifact.run, format=artifact.format, created=artifact.created, bytes=artifact.bytes)

    def rebuild(self) -> None:
        """Make the catalog anew from the folders."""
        self._catalog.clear()
        self._catalog.sync(self._stamps(), self._entry)

    def catalog_kind(self) -> str:
        """What the catalog is kept in (see `Catalog.kind`)."""
        return self._catalog.kind()

    def read_anew(self) -> list[Entry]:
        """What `find` should give, read from the folders and past the catalog."""
        fresh = Catalog(IN_MEMORY)
        fresh.sync(self._stamps(), self._entry)
        return fresh.find()

    def _clear_staging(self) -> None:
        for folder in files.leftovers(self.home):
            files.discard(folder)

    # A person's own model

    def add(
        self, model: Any, inputs: Any, formats: Iterable[str], name: str = "", worker: Worker | None = None
    ) -> list[Any]:
        """Save a Keras model or tf.Module of your own, from a notebook or a script, with its reference.

        `inputs` is an array, batch first, or a dictionary of them; the model's answers to it become the reference.
        Gives one `Added` for each format, in order: its artifact and evidence, or the error that the format raised.
        With `worker`, that one reloads the copies and stays as it is; else one is started and ended.
        Raises InputError when the model or the inputs cannot be used at all, CannotSave when the model cannot be kept.
        """
        from core.library.adding import add

        return add(self, model, inputs, list(formats), name, worker)

    def __repr__(self) -> str:
        return f"Library({str(self.home)!r})"


def _latest(folder: str) -> int:
    times = [0]
    for path in (folder, os.path.join(folder, "artifact.json"), os.path.join(folder, "evidence.json")):
        with contextlib.suppress(OSError):  # missing, or removed just now: the row that is read anew will say so
            times.append(os.stat(path).st_mtime_ns)
    return max(times)
