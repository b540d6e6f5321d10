"""The library: all runs and artifacts that are kept, whole or absent, whatever is killed when."""

import contextlib
import copy
import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from filelock import FileLock

from core.errors import InputError, UnknownName, UnreadableRecord
from core.evidence import Evidence, Original
from core.formats.reference import Reference
from core.library import files
from core.library.access import Access, Viewer
from core.library.aliases import checked_alias, no_alias, read_aliases, write_aliases
from core.library.catalog import Catalog, Lost
from core.library.entries import ID, Entry, Page, Query, checked_id, new_id, unknown
from core.library.files import disk
from core.library.lookout import Lookout
from core.library.marks import FILE as MARKS
from core.library.marks import Marks, clean_tags, marks_or_none, read_marks, write_marks
from core.library.records import Artifact, Run
from core.library.tables import IN_MEMORY
from core.library.trash import Thrown, Trash
from core.settings import settings
from core.worker import Worker

FOLDERS = ("runs", "artifacts", "trash", "staging", "jobs")
KINDS = {"r": "runs", "a": "artifacts"}
WAIT = 60  # seconds to wait for another who marks or removes


class Library:
    """Runs and artifacts in a folder (`ROUNDTRIP_HOME`), and a catalog of them.

    For one person (see `seen_by`) what is another's alone raises UnknownName, as if it were not there, and what is
    another's and shared cannot be changed.
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
        if named:
            self._require_own_catalog()
        self._lookout = Lookout(self.home, self._catalog)
        self._trash = Trash(self.home)
        self.access = Access(self.home)

    def seen_by(self, viewer: Viewer) -> Self:
        """The same library as one person sees it, and in which what is made is theirs."""
        seen = copy.copy(self)
        seen.access = self.access.of(viewer)
        return seen

    def _require_own_catalog(self) -> None:
        """Of two libraries in one database each would throw out the other's rows. Raises InputError."""
        with contextlib.suppress(Lost):  # it could not be asked, and is replaced
            if not self._catalog.claim(self.home):
                raise InputError(
                    "The database that is set for the catalog belongs to another library.",
                    cure="Give each library a database of its own; where this one was moved, empty that database.",
                )

    # Reading

    def find(self, search: str = "", demos: Iterable[str] = (), formats: Iterable[str] = ()) -> list[Entry]:
        """The artifacts that fit, newest first; a bad one is listed with its problem and stops nothing."""
        return self.page(Query(search, tuple(demos), tuple(formats), size=None)).entries

    def page(self, query: Query) -> Page:
        """One page of the artifacts that fit, in the order that is asked for. Raises InputError."""
        asked = replace(query, me=self.access.me)
        return self._lookout.ask(lambda catalog: catalog.page(asked))

    def tags(self) -> dict[str, int]:
        """Every tag of an artifact, and how many have it."""
        return self._lookout.ask(lambda catalog: catalog.tags(self.access.me))

    def kinds(self, name: str) -> dict[Any, int]:
        """Every demo, format, rank of a verdict or trust that artifacts have, by its column, and how many have it."""
        return self._lookout.ask(lambda catalog: catalog.kinds(name, self.access.me))

    def artifacts_of(self, run_id: str) -> list[str]:
        """The ids of the artifacts of a run."""
        return self._lookout.ask(lambda catalog: catalog.ids_where("run", [run_id], self.access.me))

    def made_from(self, artifact_id: str) -> list[str]:
        """The ids of the artifacts that were converted from one."""
        return self._lookout.ask(lambda catalog: catalog.ids_where("made_from", [artifact_id], self.access.me))

    @disk()
    def runs(self) -> list[Run]:
        """All readable runs, newest first."""
        found = []
        for folder in (self.home / "runs").iterdir():
            # An unreadable run still shows, as its artifacts' problem.
            with contextlib.suppress(UnreadableRecord, UnknownName):
                found.append(self.run(folder.name))
        return sorted(found, key=lambda run: run.created, reverse=True)

    def run(self, id_: str) -> Run:
        """A run, by the name that was given to it. Raises UnknownName, UnreadableRecord."""
        folder = self._folder(id_, "r")
        run, name = Run.read(folder / "run.json"), marks_or_none(folder).name
        return run.model_copy(update={"name": name}) if name else run

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

    @disk()
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

    def file(self, artifact_id: str, path: str) -> Path:
        """One file of an artifact, by its path in the record, checked byte for byte. Raises UnknownName, Damaged."""
        entries = [one for one in self.artifact(artifact_id).files if one.path == path]
        if not entries:
            raise UnknownName("The artifact has no such file.", received=path[:80], cure="Choose one that is listed.")
        folder = self._folder(artifact_id, "a") / "files"
        files.check(folder, entries)
        return folder / path

    @disk()
    def refusals(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Formats that did not take a run: by format `{"created", "error"}`. A result as any other, and kept as one."""
        try:
            return json.loads((self._folder(run_id, "r") / "refused.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}

    def keep_refusals(self, run_id: str, refused: dict[str, dict[str, Any]], taken: Iterable[str]) -> None:
        """Note the formats that refused a run, and forget earlier refusals of those that have taken it since; a run of
        another person stays as it is."""
        if not self.access.owns(self._folder(run_id, "r")):
            return
        noted = {key: found for key, found in self.refusals(run_id).items() if key not in set(taken)} | refused
        with files.disk():
            files.write_text(self._folder(run_id, "r") / "refused.json", json.dumps(noted, indent=2))

    def verify(self, id_: str) -> None:
        """Hold every file of a run or an artifact against its hash. Raises Damaged."""
        if id_.startswith("r"):
            files.check(self._folder(id_, "r"), self.run(id_).files)
        else:
            self.files(id_)

    @disk()
    def stamp(self, id_: str) -> str:
        """Another one whenever a file of the entry is touched, but for its marks: a hash of names, sizes and times.

        Raises UnknownName.
        """
        return files.stamp(self._folder(id_), besides=[MARKS])

    @disk()
    def ids(self) -> list[str]:
        """Of all runs and artifacts, readable or not."""
        folders = (folder for kind in KINDS.values() for folder in (self.home / kind).iterdir())
        return sorted(one.name for one in folders if self.access.me is None or self._shows_folder(one))

    def _shows_folder(self, folder: Path) -> bool:
        return bool(ID.fullmatch(folder.name)) and self.access.sees(folder)

    def folder(self, id_: str) -> Path:
        """Where an entry lies. Raises UnknownName."""
        return self._folder(id_)

    @disk()
    def strangers(self) -> list[Path]:
        """What lies among runs and artifacts, and is no entry of ours: nothing that a person who signed in is told."""
        if self.access.me is not None:
            return []
        found = [one for kind in KINDS.values() for one in (self.home / kind).iterdir()]
        return sorted(one for one in found if KINDS.get(one.name[:1]) != one.parent.name or not ID.fullmatch(one.name))

    def _checked(self, run_id: str, name: str) -> Path:
        folder = self._folder(run_id, "r")
        files.check(folder, [entry for entry in self.run(run_id).files if entry.path == name])
        return folder / name

    @disk()
    def _folder(self, id_: str, kinds: str = "ar") -> Path:
        folder = self.home / KINDS[checked_id(id_, kinds)[0]] / id_
        if not folder.is_dir() or not self.access.sees(folder):
            raise unknown(id_)
        return folder

    def _own(self, id_: str, kinds: str = "ar") -> Path:
        """As `_folder`, of what the person may change. Raises InputError for what is another's."""
        folder = self._folder(id_, kinds)
        if not self.access.owns(folder):
            raise InputError(
                "It is another person's, so only they can change it.",
                received=id_,
                cure="Save a copy of your own, or ask them.",
            )
        return folder

    def require_whole(self) -> None:
        """Raises InputError where a person sees only a part: what looks after everything is not theirs to start."""
        if self.access.me is not None:
            raise InputError(
                "This goes over everybody's runs and artifacts, so a person who signed in cannot start it.",
                cure="Whoever runs the server can, from the command line: python -m core repair.",
            )

    # Writing

    def staging(self) -> contextlib.AbstractContextManager[Path]:
        """An empty folder on the library's own disk; whatever is still in it at the end is gone."""
        return files.staging(self.home)

    def keep_run(self, staged: Path, facts: dict[str, Any]) -> Run:
        """Keep a staged run (history.csv, snapshot/, reference.npz): hashed, flushed, renamed. Raises StorageFailed."""
        with files.disk():
            run = Run(id=new_id("r"), files=files.seal(staged), owner=self.access.me, **facts)
            self._keep(staged, run, {"run.json": run.text()})
        return run

    def keep_artifact(self, staged: Path, run_id: str, evidence: Evidence, **facts: Any) -> Artifact:
        """Keep a staged copy (its files in `files/`) with its evidence; `facts` are other fields of its record.

        Raises StorageFailed.
        """
        if self.access.me is not None:
            self._folder(run_id, "r")
        with files.disk():
            entries = files.seal(staged / "files")
            given = {"id": new_id("a"), "run": run_id, "files": entries} | facts
            artifact = Artifact(**given | {"owner": self.access.me})
            self._keep(staged, artifact, {"artifact.json": artifact.text(), "evidence.json": evidence.text()})
        return artifact

    def _keep(self, staged: Path, record: Run | Artifact, texts: dict[str, str]) -> None:
        for name, text in texts.items():
            files.write_text(staged / name, text)
        files.flush(staged)
        files.move(staged, self.home / KINDS[record.id[0]] / record.id)
        self._lookout.changed(record.id)

    def take_back(self, run_id: str) -> None:
        """Delete a run that was kept a moment ago, where what belongs to it could not be kept."""
        files.discard(self._own(run_id, "r"))
        self._lookout.changed(run_id)

    # Marking

    def marks(self, id_: str) -> Marks:
        """What a person said of a run or an artifact. Raises UnknownName, UnreadableRecord."""
        return read_marks(self._folder(id_))

    def mark(self, id_: str, **changes: Any) -> Marks:
        """Change marks of a run or an artifact: `name` (of a run), `tags`, `note`, `pinned`, `shared`.

        Who shares a copy shares its run, without which it says little. Raises InputError, UnknownName,
        UnreadableRecord, StorageFailed.
        """
        if "name" in changes and not id_.startswith("r"):
            raise InputError("A copy goes by the name of its run.", received=id_[:80], cure="Rename the run.")
        with self._alone():
            folder = self._own(id_)
            run = self._folder(self.artifact(id_).run, "r") if changes.get("shared") and id_.startswith("a") else folder
            marks = write_marks(folder, changes)
            if run != folder and self.access.owns(run):
                write_marks(run, {"shared": True})
            self._lookout.changed(id_, run.name)
        return marks

    def tag(self, ids: Iterable[str], add: Iterable[str] = (), drop: Iterable[str] = ()) -> None:
        """Add tags to some entries and take others off. Raises as `mark` does."""
        add, drop = list(add), set(clean_tags(drop))
        with self._alone():
            folders = {id_: self._own(id_) for id_ in dict.fromkeys(ids)}
            kept = {id_: [tag for tag in read_marks(folder).tags if tag not in drop] for id_, folder in folders.items()}
            tags = {id_: clean_tags([*kept[id_], *add]) for id_ in folders}  # all of them fit before one is written
            for id_, folder in folders.items():
                write_marks(folder, {"tags": tags[id_]})
            self._lookout.changed(*folders)

    def aliases(self) -> dict[str, str]:
        """Alias to artifact id. Raises UnreadableRecord."""
        return {name: id_ for name, id_ in read_aliases(self.home).items() if self._shows(id_)}

    def _shows(self, id_: str) -> bool:
        """Whether the person may hear of an artifact, which may be gone."""
        return self.access.admits(None, id_)

    def point(self, alias: str, id_: str) -> str | None:
        """Have an alias point to an artifact; gives the id that it pointed to before.

        Raises InputError, UnknownName, UnreadableRecord, StorageFailed.
        """
        checked_alias(alias)
        with self._alone():
            self._own(id_, "a")
            aliases = read_aliases(self.home)
            before = aliases.get(alias)
            self._require_alias(alias, before)
            write_aliases(self.home, aliases | {alias: id_})
            self._lookout.changed(id_, *([before] if before else []))
        return before

    def drop_alias(self, alias: str) -> str:
        """Forget an alias; gives the id that it pointed to. Raises UnknownName, UnreadableRecord, StorageFailed."""
        with self._alone():
            aliases = read_aliases(self.home)
            if alias not in aliases or not self._shows(aliases[alias]):
                raise no_alias(alias)
            before = aliases.pop(alias)
            self._require_alias(alias, before)
            write_aliases(self.home, aliases)
            self._lookout.changed(before)
        return before

    def _require_alias(self, alias: str, before: str | None) -> None:
        """Raises InputError where an alias points to what is another's."""
        folder = self.home / "artifacts" / (before or "")
        if before and folder.is_dir() and not self.access.owns(folder):
            raise InputError("Another person uses this alias.", received=alias, cure="Choose another name.")

    def resolve(self, text: str) -> str:
        """An id as it is, or the id that an alias points to. Raises UnknownName, UnreadableRecord."""
        if ID.fullmatch(text):
            return text
        if found := self.aliases().get(text):
            return checked_id(found, "a")
        raise unknown(text)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One at a time, in all processes, where what was read is written back."""
        with files.disk(), FileLock(self.home / ".lock", timeout=WAIT):
            yield

    # The trash

    def remove(self, id_: str) -> list[str]:
        """Move an artifact, or a run with all of its artifacts, into the trash; gives the ids that moved.

        Raises InputError for what is pinned or has an alias, UnknownName, StorageFailed.
        """
        return self.remove_all([id_])

    def remove_all(self, ids: Iterable[str]) -> list[str]:
        """As `remove`, many at once: either all of them may go, or none does."""
        wanted = list(dict.fromkeys(one for id_ in ids for one in self._with_artifacts(id_)))
        with self._alone():
            for one in wanted:
                self._require_free(one)
            for one in wanted:
                self._trash.throw(self._own(one))
                self._lookout.changed(one)
        return wanted

    def _with_artifacts(self, id_: str) -> list[str]:
        self._own(id_)
        copies = self._lookout.ask(lambda catalog: catalog.ids_where("run", [id_])) if id_.startswith("r") else []
        if not all(self.access.owns(self.home / "artifacts" / one) for one in copies):
            raise InputError(
                "Others have saved copies of this run, so it is not removed.",
                received=id_,
                cure="Make it private instead: then nobody else sees it.",
            )
        return [*copies, id_]

    def _require_free(self, id_: str) -> None:
        """Raises InputError, and UnreadableRecord where nobody can tell."""
        names = [name for name, target in read_aliases(self.home).items() if target == id_]
        if names:
            raise InputError(
                f"The alias '{names[0]}' points to it, so it is not removed.",
                received=id_,
                cure="Point the alias to another artifact, or drop it first.",
            )
        if self.marks(id_).pinned:
            raise InputError("It is pinned, so it is not removed.", received=id_, cure="Unpin it first.")

    def restore(self, id_: str) -> list[str]:
        """Bring an entry back from the trash, an artifact with its run; gives the ids that came back."""
        with self._alone():
            ids = self._trash.with_run(id_)
            if not all(self._may_take_back(one) for one in ids):
                raise unknown(id_)
            for one in ids:
                self._trash.take_back(one, self.home / KINDS[one[0]] / one)
                self._lookout.changed(one)
        return ids

    @disk()
    def trash(self) -> list[str]:
        """Ids of what can be restored, what was removed last first."""
        return [id_ for id_ in self._trash.ids() if self._may_take_back(id_)]

    def _may_take_back(self, id_: str) -> bool:
        return self.access.me is None or (bool(ID.fullmatch(id_)) and self.access.owns(self.home / "trash" / id_))

    @disk()
    def trashed(self, most: int | None = None) -> list[Thrown]:
        """What can be restored, with what its record says of it, in the order of `trash`; at most so many."""
        return [self._trash.thrown(id_) for id_ in self.trash()[:most]]

    def empty_trash(self, days: float) -> list[str]:
        """Delete for good what was removed so many days ago or earlier, and is not pinned; gives the ids.

        Raises StorageFailed.
        """
        with self._alone():
            return self._trash.empty(days, self._may_take_back)

    def rebuild(self) -> None:
        """Make the catalog anew from the folders."""
        self._lookout.rebuild()

    def catalog_kind(self) -> str:
        """What the catalog is kept in (see `Catalog.kind`)."""
        return self._catalog.kind()

    def read_anew(self) -> list[Entry]:
        """What `find` should give, read from the folders and past the catalog."""
        asked = Query(size=None, me=self.access.me)
        return Lookout(self.home, Catalog(IN_MEMORY)).ask(lambda catalog: catalog.page(asked)).entries

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
