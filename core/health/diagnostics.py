"""Versions, disk, catalog, worker, sandbox checks.

What the library's disk can do, tried on a file of our own.

How this machine and this library do: versions, disk, catalog, worker, sandbox. Nothing is imported to find out.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from core.errors import LibraryError, RoundtripError
from core.explain import translate
from core.formats import all_formats
from core.library import Library, Query, storage
from core.library.records import UNREADABLE
from core.record import versions
from core.settings import Settings
from core.system import machine
from core.text.labels import counted, duration, size
from core.worker import SelfTest, Worker

LINKS = "links files"
LINK_CURE = "Files that a sandboxed process may read are then copied instead, which takes room and time."


def probe(home: Path) -> Iterator[tuple[str, RoundtripError | None]]:
    """Each thing that the library asks of its disk, and why it does not do it, where it does not."""
    try:
        with storage.staging(home) as folder:
            for name, attempt in ATTEMPTS.items():
                yield name, _tried(attempt, folder)
    except RoundtripError as error:
        yield "can be written", error


def _tried(attempt: Callable[[Path], object], folder: Path) -> RoundtripError | None:
    try:
        attempt(folder)
    except OSError as error:
        return translate(error, LibraryError)
    return None


def _write(folder: Path) -> None:
    (folder / "one").write_bytes(b"1")


def _rename(folder: Path) -> None:
    os.rename(folder / "one", folder / "two")
    storage.flush(folder)


ATTEMPTS: dict[str, Callable[[Path], object]] = {
    "can be written": _write,
    "keeps what is written": lambda folder: storage.flush(folder / "one"),
    "renames in one step": _rename,
    LINKS: lambda folder: os.link(folder / "two", folder / "three"),
}

LITTLE_ROOM = 2**30  # bytes that should be free: a few models, and what saving them takes
NEEDED = ("tensorflow", "keras", "h5py", "numpy")
OK, REMARK, WRONG = "ok", "remark", "wrong"


class Check(NamedTuple):
    """One thing that was looked at, under which heading, and in a sentence how it is: "ok", "remark" or "wrong"."""

    about: str
    name: str
    state: str
    sentence: str


def doctor(library: Library, config: Settings, worker: Worker | None = None) -> list[Check]:
    """Look at everything; with `worker`, also start it and measure how long that takes (7–18 s on slow machines)."""
    parts: list[Callable[[], Iterator[Check]]] = [
        _versions,
        _formats,
        _machine,
        lambda: _disk(library),
        lambda: _catalog(library),
        lambda: _kept(library),
        lambda: _settings(config),
        lambda: _worker(config, worker),
    ]
    return [check for part in parts for check in _careful(part)]


def _careful(part: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """What cannot be looked at is a line of its own and stops no other."""
    try:
        yield from list(part())
    except (RoundtripError, OSError) as error:
        yield Check("Library", "This could not be looked at", WRONG, str(translate(error, LibraryError)))


def _versions() -> Iterator[Check]:
    found = versions()
    for name, number in found.items():
        yield Check("Versions", name, OK, number)
    for name in NEEDED:
        if name not in found:
            yield Check("Versions", name, WRONG, "Not installed. Install what requirements.txt names.")


def _formats() -> Iterator[Check]:
    """Formats whose package is missing cannot be used; that is no fault of the library."""
    every = all_formats()
    lacking = {one.key: one.broken or one.missing for one in every if one.broken or one.missing}
    if not lacking:
        yield Check("Versions", "formats", OK, f"All {len(every)} formats can be used.")
    for key, why in lacking.items():
        said = why if isinstance(why, str) else f"Needs {', '.join(why)}: pip install {' '.join(why)}"
        yield Check("Versions", key, REMARK, said)


def _machine() -> Iterator[Check]:
    found = machine()
    words = f"{found['processor']}, {counted(found['processors'], 'processor')}, {size(found['memory'])} of memory"
    yield Check("Machine", "computer", OK, f"{words}, {found['system']}.")
    forks = sys.platform.startswith("linux")
    said = "A fresh process is forked from a warm one." if forks else "A fresh process starts by itself, in seconds."
    yield Check("Machine", "fresh processes", OK if forks else REMARK, said)


def _disk(library: Library) -> Iterator[Check]:
    room = shutil.disk_usage(library.home)
    enough = room.free >= LITTLE_ROOM
    said = f"{size(room.free)} of {size(room.total)} are free."
    yield Check("Disk", "free space", OK if enough else REMARK, said if enough else f"{said} A few saves may fill it.")
    for name, error in probe(library.home):
        state = OK if error is None else REMARK if name == LINKS else WRONG
        more = f" {LINK_CURE}" if name == LINKS and error else ""
        yield Check("Disk", name, state, f"{error}{more}" if error else "Yes.")


def _catalog(library: Library) -> Iterator[Check]:
    yield _where(library.catalog_kind())
    started = time.monotonic()
    found = library.page(Query()).total
    took = duration(time.monotonic() - started)
    bad = library.page(Query(verdicts=(UNREADABLE,), size=1)).total
    more = f" {bad:,} of them cannot be read; a look for repairs says why." if bad else ""
    said = f"{counted(found, 'artifact')}, listed in {took}.{more}"
    yield Check("Catalog", "artifacts", WRONG if bad else OK, said)


def _where(kind: str) -> Check:
    if kind == "memory":
        said = "Its file or database could not be used, so it is in memory and made anew at every start."
        return Check("Catalog", "kept in", REMARK, said)
    return Check("Catalog", "kept in", OK, {"sqlite": "SQLite: one file in the library's folder."}.get(kind, kind))


def _kept(library: Library) -> Iterator[Check]:
    yield Check("Library", "runs", OK, counted(len(library.runs()), "run"))
    yield Check("Library", "trash", OK, f"{counted(len(library.trash()), 'entry', 'entries')} can be restored.")
    jobs = sum(1 for _ in (library.home / "jobs").iterdir())
    yield Check("Library", "jobs", OK, f"{counted(jobs, 'job')} on record.")
    left = len(storage.leftovers(library.home))
    said = f"{counted(left, 'save')} that no process ended; a repair clears that." if left else "Nothing is left over."
    yield Check("Library", "staging", REMARK if left else OK, said)


def _settings(config: Settings) -> Iterator[Check]:
    for name, value in settings_in_use(config).items():
        variable = f"ROUNDTRIP_{name.upper()}"
        meaning = Settings.model_fields[name].description or ""
        chosen = ", as the environment says" if variable in {key.upper() for key in os.environ} else ""
        yield Check("Settings", variable, OK, f"{value}{chosen} ({meaning})")


def settings_in_use(config: Settings) -> dict[str, Any]:
    """Every setting that may be said aloud: no password, and not where the library lies."""
    found = {name: value for name, value in config.model_dump(mode="json").items() if name != "home"}
    return found | {"catalog_url": masked(config.catalog_url) or "catalog.sqlite in the library"}


def masked(url: str) -> str:
    """A database's URL without its password, also where one stands among its options."""
    if not url:
        return ""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return "not a database URL"
    return parsed.set(query={}).render_as_string(hide_password=True)


def _worker(config: Settings, worker: Worker | None) -> Iterator[Check]:
    """How long a fresh process takes, and what a confined one could do that it must not."""
    if worker is None:
        return
    started = time.monotonic()
    try:
        with worker.open() as child:
            child.ask("rehearse", seconds=60)
    except RoundtripError as error:
        yield Check("Worker", "start", WRONG, str(error))
        return
    took = duration(time.monotonic() - started)
    yield Check("Worker", "start", OK, f"TensorFlow was ready in a fresh process after {took}.")
    yield from sandbox(worker.self_test(), config)


def sandbox(tested: SelfTest, config: Settings) -> Iterator[Check]:
    """What came of the self-test, and what follows from it for files that are brought in."""
    if tested.blocked:
        yield Check("Sandbox", "verdict", OK, tested.sentence)
    elif config.run_unconfined:
        said = "Files that are brought in are run all the same, because ROUNDTRIP_RUN_UNCONFINED says so."
        yield Check("Sandbox", "verdict", WRONG, f"{tested.sentence} {said}")
    else:
        said = "Files that are brought in can be kept and downloaded here, and are not run."
        yield Check("Sandbox", "verdict", REMARK, f"{tested.sentence} {said}")
    for one in tested.probes:
        yield Check("Sandbox", one.name, OK if one.blocked else REMARK, one.sentence)
