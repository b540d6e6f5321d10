"""Keep the index in step with the folders.

When the folders of a library last changed, one number each: what the catalog is held against.

Keeps the catalog in step with the folders without a look at every folder each time.

What our own writers change they say in a log. What anybody else changes is found by a look at all folders, taken
again and again, at a small share of the time: a library of a hundred thousand artifacts is looked at in the
background, a small one each time.
"""

import contextlib
import json
import os
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from core.caching import file_stamp
from core.errors import LibraryError, StorageFailed, UnknownName, UnreadableRecord
from core.evidence import Evidence
from core.library import annotations, storage
from core.library.annotations import ALIASES_FILE as ALIASES
from core.library.annotations import marks_or_none, read_aliases
from core.library.catalog.catalog import Catalog, Lost
from core.library.catalog.change_log import Changes, Position
from core.library.permissions import NO_PERSON, Access, both, only
from core.library.records import ID, Artifact, Entry, Run, Source, checked_id

AT_ONCE = 50  # folders
PAUSE = 0.005  # seconds
OF_AN_ARTIFACT = ("artifact.json", "evidence.json", annotations.ANNOTATIONS_FILE)
OF_A_RUN = ("run.json", annotations.ANNOTATIONS_FILE)


class Stamps(NamedTuple):
    """Artifacts and runs with their stamps; another stamp says that a record was touched."""

    artifacts: dict[str, int]
    runs: dict[str, int] = {}

    def of(self, id_: str, run: str) -> int:
        """The stamp of a row, which shows what its run says too."""
        return hash((self.artifacts.get(id_, 0), self.runs.get(run, 0)))


def all_stamps(home: Path, pointing: Mapping[str, tuple[str, ...]], gently: bool = False) -> Stamps:
    """Of all folders that have an id for a name; `pointing` has the aliases of each artifact.

    `gently` pauses again and again: whoever asks the same process for something meanwhile need not wait for this.
    """
    return Stamps(
        {name: _artifact(home, name, pointing) for name in _names(home / "artifacts", gently)},
        {name: _stamp(home / "runs" / name, OF_A_RUN) for name in _names(home / "runs", gently)},
    )


def stamps_of(home: Path, ids: Iterable[str], runs: Iterable[str], pointing: Mapping[str, tuple[str, ...]]) -> Stamps:
    """Of some artifacts, and of some runs."""
    return Stamps(
        {name: _artifact(home, name, pointing) for name in ids},
        {name: _stamp(home / "runs" / name, OF_A_RUN) for name in runs},
    )


def _names(folder: Path, gently: bool) -> Iterator[str]:
    for at, name in enumerate(os.listdir(folder)):
        if gently and at % AT_ONCE == 0:
            time.sleep(PAUSE)
        if ID.fullmatch(name):
            yield name


def _artifact(home: Path, name: str, pointing: Mapping[str, tuple[str, ...]]) -> int:
    stamp = _stamp(home / "artifacts" / name, OF_AN_ARTIFACT)
    return hash((stamp, zlib.crc32("\n".join(pointing[name]).encode()))) if name in pointing else stamp


def _stamp(folder: Path, names: tuple[str, ...]) -> int:
    facts: list[int] = []
    for path in (str(folder), *(f"{folder}{os.sep}{name}" for name in names)):
        with contextlib.suppress(OSError):  # missing, or removed just now: the row that is read anew will say so
            found = os.stat(path)
            facts += [found.st_mtime_ns, found.st_size]
        facts.append(-1)
    return hash(tuple(facts))


EACH_TIME = 50  # artifacts: so few are looked at each time
SHARE = 20  # a look is taken again after so many times its own duration
BACKGROUND = 0.1  # seconds: a longer look does not hold up who asks
LONG_AGO = 3600.0  # seconds: after these, it does
TRIES = 3  # with the catalog as it is, with a new one, with one in memory
RUNS = 1000  # runs that are held, so that each is not read for each of its artifacts


class Seen(NamedTuple):
    """What the rows of the catalog stand for: the position in the log, and the last look at all folders."""

    position: Position
    looked: float
    took: float
    count: int

    def text(self) -> str:
        return json.dumps([self.position.text(), self.looked, self.took, self.count])

    @classmethod
    def of(cls, text: str) -> "Seen | None":
        try:
            position, looked, took, count = json.loads(text)
            return cls(found, float(looked), float(took), int(count)) if (found := Position.of(position)) else None
        except (ValueError, TypeError):
            return None


class Lookout:
    """What stands between the folders of one library and its catalog."""

    def __init__(self, home: Path, catalog: Catalog):
        self._home = home
        self._access = Access(home)
        self._catalog = catalog
        self._changes = Changes(home)
        self._seen: Seen | None = None
        self._runs: dict[tuple, dict[str, Any]] = {}
        self._pointing: tuple[tuple | None, dict[str, tuple[str, ...]]] = (None, {})
        self._turn = threading.Lock()
        self._background: threading.Thread | None = None

    def ask(self, question: Any) -> Any:
        """What `question`, a function of the catalog, answers once the rows are in step with the folders."""
        error: Exception | None = None
        for _ in range(TRIES):
            try:
                with storage.disk():
                    self._keep_in_step()
                return question(self._catalog)
            except Lost as lost:
                self._seen, error = None, lost
        raise StorageFailed(
            "The catalog cannot be read.", cure="Set ROUNDTRIP_CATALOG_URL to a database that answers."
        ) from error

    def changed(self, *ids: str) -> None:
        """Say that entries were changed here, after they were: what is done is done, also where the log takes no more.

        Then a folder is touched, and the next list looks at all of them.
        """
        try:
            self._changes.note(list(ids))
        except OSError:
            with contextlib.suppress(OSError):
                os.utime(self._home / "artifacts")

    def rebuild(self) -> None:
        """Read every folder again."""
        for _ in range(TRIES):
            try:
                with storage.disk():
                    return self._look(anew=True)
            except Lost:
                self._seen = None
        return None

    def _keep_in_step(self) -> None:
        now = self._changes.position()
        seen = self._seen
        if seen is None or seen.position != now:
            seen = Seen.of(self._catalog.state())
        if seen and seen.position != now:
            seen = self._catch_up(seen, now)
        if seen is None:
            return self._look()
        self._seen = seen
        return self._look_again(seen)

    def _catch_up(self, seen: Seen, now: Position) -> Seen | None:
        """Read what the log says that changed; None where it does not tell."""
        ids = self._changes.since(seen.position, now)
        if ids is None:
            return None
        ids = {id_ for id_ in ids if ID.fullmatch(id_)}
        wanted = sorted({id_ for id_ in ids if id_.startswith("a")} | set(self._catalog.ids_where("run", ids)))
        caught = seen._replace(position=now)
        self._catalog.refresh(wanted, self._stamp_now, self.read)
        self._catalog.note(caught.text())
        return caught

    def _look_again(self, seen: Seen) -> None:
        age, few = time.time() - seen.looked, seen.count <= EACH_TIME
        if not few and 0 <= age < SHARE * seen.took:
            return
        if few or seen.took < BACKGROUND or not 0 <= age < LONG_AGO:
            self._look()
        elif self._background is None or not self._background.is_alive():
            self._background = threading.Thread(target=self._look_aside, name="look at the library", daemon=True)
            self._background.start()

    def _look_aside(self) -> None:
        try:
            self._look(gently=True)
        except (Lost, OSError):  # whoever asks next hears of it
            self._seen = None

    def _look(self, anew: bool = False, gently: bool = False) -> None:
        """Look at every folder, and read those that changed; `anew` reads all."""
        with self._turn:
            began, position = time.time(), self._changes.position()
            clock = time.perf_counter()
            stamps = all_stamps(self._home, self.pointing(), gently)
            self._catalog.sync(stamps.artifacts, stamps.of, self.read, anew)
            seen = Seen(position, began, time.perf_counter() - clock, len(stamps.artifacts))
            if seen.count > EACH_TIME or not self._seen or self._seen[::3] != seen[::3]:
                self._catalog.note(seen.text())  # others need not look so soon
            self._seen = seen

    # Reading

    def pointing(self) -> Mapping[str, tuple[str, ...]]:
        """The aliases of each artifact that has any; none where they cannot be read."""
        stamp = file_stamp(self._home / ALIASES)
        if stamp != self._pointing[0]:
            try:
                self._pointing = (stamp, _turned(self._home))
            except StorageFailed:  # not for long: asked again the next time
                return {}
        return self._pointing[1]

    def _stamp_now(self, id_: str, run: str) -> int:
        return stamps_of(self._home, [id_], [run] if run else [], self.pointing()).of(id_, run)

    def read(self, id_: str) -> Source | None:
        """The line of an artifact as its folder has it now; None where there is no such folder."""
        try:
            with storage.disk():
                folder = self._home / "artifacts" / id_
                return self._read(folder) if folder.is_dir() else None
        except LibraryError as error:  # one that the disk does not give stops no list
            return Source(Entry(id_, problem=str(error)), sure=False, only=NO_PERSON)

    def _read(self, folder: Path) -> Source:
        """Raises StorageFailed, OSError."""
        marks = marks_or_none(folder)
        entry = Entry(
            folder.name,
            pinned=marks.pinned,
            tags=tuple(marks.tags),
            aliases=self.pointing().get(folder.name, ()),
            shared=marks.shared,
            note=" ".join(marks.note[:200].split())[:100],
        )
        try:
            artifact = Artifact.read(folder / "artifact.json")
        except UnreadableRecord as error:
            return Source(entry._replace(problem=str(error)), marks.note, only=self._access.only(folder))
        entry = entry._replace(owner=artifact.owner)
        try:
            evidence, run = Evidence.read(folder / "evidence.json"), self._run(artifact.run)
        except (UnreadableRecord, UnknownName) as error:
            found = entry._replace(problem=str(error), run=artifact.run)
            return Source(found, marks.note, only=self._access.only(folder))
        alone = both(only(artifact.owner, marks.shared), run.pop("only"))
        known = _known(artifact, evidence)
        known["trust"] = run.pop("trust") if artifact.trust == "ours" else artifact.trust
        return Source(
            entry._replace(**run | known), marks.note, tuple(one.sha256 for one in artifact.files), only=alone
        )

    def _run(self, id_: str) -> dict[str, Any]:
        """What a line says of its run, and who alone sees that. Raises UnreadableRecord, UnknownName."""
        folder = self._home / "runs" / checked_id(id_, "r")
        key = (id_, *(file_stamp(os.path.join(folder, name)) for name in OF_A_RUN))
        if key not in self._runs:
            run = Run.read(folder / "run.json")
            while len(self._runs) >= RUNS:
                self._runs.pop(next(iter(self._runs)), None)
            marks = marks_or_none(folder)
            said = {"run": id_, "run_name": marks.name or run.name, "demo": run.demo, "trust": run.trust}
            self._runs[key] = said | {"only": only(run.owner, marks.shared)}
        return dict(self._runs[key])


def _known(artifact: Artifact, evidence: Evidence) -> dict[str, Any]:
    return {
        "format": artifact.format,
        "created": artifact.created,
        "bytes": artifact.bytes,
        "verdict": evidence.best.verdict.value,
        "needs_code": evidence.needs_code,
        "made_from": artifact.made_from,
    }


def _turned(home: Path) -> dict[str, tuple[str, ...]]:
    try:
        aliases = read_aliases(home)
    except UnreadableRecord:
        return {}
    return {id_: tuple(sorted(name for name in aliases if aliases[name] == id_)) for id_ in set(aliases.values())}
