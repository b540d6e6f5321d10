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
from core.record import installed_versions
from core.settings import Settings
from core.system import describe_machine
from core.text.labels import format_duration, format_size, pluralize
from core.worker import SandboxTest, Worker

HARD_LINKS = "links files"
HARD_LINK_CURE = "Files that a sandboxed process may read are then copied instead, which takes room and time."


def probe_disk(home: Path) -> Iterator[tuple[str, RoundtripError | None]]:
    """Each thing that the library asks of its disk, and why it does not do it, where it does not."""
    try:
        with storage.staging_folder(home) as folder:
            for name, attempt in DISK_ATTEMPTS.items():
                yield name, _attempt_error(attempt, folder)
    except RoundtripError as error:
        yield "can be written", error


def _attempt_error(attempt: Callable[[Path], object], folder: Path) -> RoundtripError | None:
    try:
        attempt(folder)
    except OSError as error:
        return translate(error, LibraryError)
    return None


def _write_file(folder: Path) -> None:
    (folder / "one").write_bytes(b"1")


def _rename_file(folder: Path) -> None:
    os.rename(folder / "one", folder / "two")
    storage.fsync_path(folder)


DISK_ATTEMPTS: dict[str, Callable[[Path], object]] = {
    "can be written": _write_file,
    "keeps what is written": lambda folder: storage.fsync_path(folder / "one"),
    "renames in one step": _rename_file,
    HARD_LINKS: lambda folder: os.link(folder / "two", folder / "three"),
}

MIN_FREE_BYTES = 2**30  # bytes that should be free: a few models, and what saving them takes
REQUIRED_PACKAGES = ("tensorflow", "keras", "h5py", "numpy")
OK, WARNING, ERROR = "ok", "remark", "wrong"


class HealthCheck(NamedTuple):
    """One thing that was looked at, under which heading, and in a sentence how it is: "ok", "remark" or "wrong"."""

    about: str
    name: str
    state: str
    sentence: str


def run_diagnostics(library: Library, config: Settings, worker: Worker | None = None) -> list[HealthCheck]:
    """Look at everything; with `worker`, also start it and measure how long that takes (7–18 s on slow machines)."""
    parts: list[Callable[[], Iterator[HealthCheck]]] = [
        _check_versions,
        _check_formats,
        _check_machine,
        lambda: _check_disk(library),
        lambda: _check_catalog(library),
        lambda: _check_library_contents(library),
        lambda: _check_settings(config),
        lambda: _check_worker(config, worker),
    ]
    return [check for part in parts for check in _run_safely(part)]


def _run_safely(part: Callable[[], Iterator[HealthCheck]]) -> Iterator[HealthCheck]:
    """What cannot be looked at is a line of its own and stops no other."""
    try:
        yield from list(part())
    except (RoundtripError, OSError) as error:
        yield HealthCheck("Library", "This could not be looked at", ERROR, str(translate(error, LibraryError)))


def _check_versions() -> Iterator[HealthCheck]:
    found = installed_versions()
    for name, number in found.items():
        yield HealthCheck("Versions", name, OK, number)
    for name in REQUIRED_PACKAGES:
        if name not in found:
            yield HealthCheck("Versions", name, ERROR, "Not installed. Install what requirements.txt names.")


def _check_formats() -> Iterator[HealthCheck]:
    """Formats whose package is missing cannot be used; that is no fault of the library."""
    every = all_formats()
    lacking = {
        one.key: one.unavailable_reason or one.missing_packages
        for one in every
        if one.unavailable_reason or one.missing_packages
    }
    if not lacking:
        yield HealthCheck("Versions", "formats", OK, f"All {len(every)} formats can be used.")
    for key, why in lacking.items():
        said = why if isinstance(why, str) else f"Needs {', '.join(why)}: pip install {' '.join(why)}"
        yield HealthCheck("Versions", key, WARNING, said)


def _check_machine() -> Iterator[HealthCheck]:
    found = describe_machine()
    words = (
        f"{found['processor']}, {pluralize(found['processors'], 'processor')}, {format_size(found['memory'])} of memory"
    )
    yield HealthCheck("Machine", "computer", OK, f"{words}, {found['system']}.")
    forks = sys.platform.startswith("linux")
    said = "A fresh process is forked from a warm one." if forks else "A fresh process starts by itself, in seconds."
    yield HealthCheck("Machine", "fresh processes", OK if forks else WARNING, said)


def _check_disk(library: Library) -> Iterator[HealthCheck]:
    room = shutil.disk_usage(library.home)
    enough = room.free >= MIN_FREE_BYTES
    said = f"{format_size(room.free)} of {format_size(room.total)} are free."
    yield HealthCheck(
        "Disk", "free space", OK if enough else WARNING, said if enough else f"{said} A few saves may fill it."
    )
    for name, error in probe_disk(library.home):
        state = OK if error is None else WARNING if name == HARD_LINKS else ERROR
        more = f" {HARD_LINK_CURE}" if name == HARD_LINKS and error else ""
        yield HealthCheck("Disk", name, state, f"{error}{more}" if error else "Yes.")


def _check_catalog(library: Library) -> Iterator[HealthCheck]:
    yield _check_catalog_backend(library.catalog_backend())
    started = time.monotonic()
    found = library.page(Query()).total
    took = format_duration(time.monotonic() - started)
    bad = library.page(Query(verdicts=(UNREADABLE,), size=1)).total
    more = f" {bad:,} of them cannot be read; a look for repairs says why." if bad else ""
    said = f"{pluralize(found, 'artifact')}, listed in {took}.{more}"
    yield HealthCheck("Catalog", "artifacts", ERROR if bad else OK, said)


def _check_catalog_backend(kind: str) -> HealthCheck:
    if kind == "memory":
        said = "Its file or database could not be used, so it is in memory and made anew at every start."
        return HealthCheck("Catalog", "kept in", WARNING, said)
    return HealthCheck(
        "Catalog", "kept in", OK, {"sqlite": "SQLite: one file in the library's folder."}.get(kind, kind)
    )


def _check_library_contents(library: Library) -> Iterator[HealthCheck]:
    yield HealthCheck("Library", "runs", OK, pluralize(len(library.runs()), "run"))
    yield HealthCheck(
        "Library", "trash", OK, f"{pluralize(len(library.trash_ids()), 'entry', 'entries')} can be restored."
    )
    jobs = sum(1 for _ in (library.home / "jobs").iterdir())
    yield HealthCheck("Library", "jobs", OK, f"{pluralize(jobs, 'job')} on record.")
    left = len(storage.find_abandoned_staging(library.home))
    said = (
        f"{pluralize(left, 'save')} that no process ended; a repair clears that." if left else "Nothing is left over."
    )
    yield HealthCheck("Library", "staging", WARNING if left else OK, said)


def _check_settings(config: Settings) -> Iterator[HealthCheck]:
    for name, value in list_public_settings(config).items():
        variable = f"ROUNDTRIP_{name.upper()}"
        meaning = Settings.model_fields[name].description or ""
        chosen = ", as the environment says" if variable in {key.upper() for key in os.environ} else ""
        yield HealthCheck("Settings", variable, OK, f"{value}{chosen} ({meaning})")


def list_public_settings(config: Settings) -> dict[str, Any]:
    """Every setting that may be said aloud: no password, and not where the library lies."""
    found = {name: value for name, value in config.model_dump(mode="json").items() if name != "home"}
    return found | {"catalog_url": mask_database_url(config.catalog_url) or "catalog.sqlite in the library"}


def mask_database_url(url: str) -> str:
    """A database's URL without its password, also where one stands among its options."""
    if not url:
        return ""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return "not a database URL"
    return parsed.set(query={}).render_as_string(hide_password=True)


def _check_worker(config: Settings, worker: Worker | None) -> Iterator[HealthCheck]:
    """How long a fresh process takes, and what a confined one could do that it must not."""
    if worker is None:
        return
    started = time.monotonic()
    try:
        with worker.open() as child:
            child.request("rehearse", seconds=60)
    except RoundtripError as error:
        yield HealthCheck("Worker", "start", ERROR, str(error))
        return
    took = format_duration(time.monotonic() - started)
    yield HealthCheck("Worker", "start", OK, f"TensorFlow was ready in a fresh process after {took}.")
    yield from check_sandbox(worker.run_sandbox_test(), config)


def check_sandbox(self_test: SandboxTest, config: Settings) -> Iterator[HealthCheck]:
    """What came of the self-test, and what follows from it for files that are brought in."""
    if self_test.blocked:
        yield HealthCheck("Sandbox", "verdict", OK, self_test.sentence)
    elif config.run_unconfined:
        said = "Files that are brought in are run all the same, because ROUNDTRIP_RUN_UNCONFINED says so."
        yield HealthCheck("Sandbox", "verdict", ERROR, f"{self_test.sentence} {said}")
    else:
        said = "Files that are brought in can be kept and downloaded here, and are not run."
        yield HealthCheck("Sandbox", "verdict", WARNING, f"{self_test.sentence} {said}")
    for one in self_test.probes:
        yield HealthCheck("Sandbox", one.name, OK if one.blocked else WARNING, one.sentence)
