"""State of this machine and library: versions, disk, catalog, settings, worker, sandbox.

Nothing is imported to find out, and what cannot be checked is a line of its own.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from core.error_translation import mask_address, translate
from core.errors import LibraryError, RoundtripError
from core.formats import all_formats
from core.library import Library, Query, staging, storage
from core.library.catalog.catalog import mask_database_url
from core.library.records import UNREADABLE
from core.settings import Settings
from core.system import describe_machine
from core.text.labels import pluralize
from core.text.numbers import format_duration, format_size
from core.versions import installed_versions
from core.worker import SandboxCheck, Worker

HARD_LINKS = "links files"
HARD_LINK_CURE = "Files that a sandboxed process may read are then copied instead, which takes room and time."
MIN_FREE_BYTES = 2**30  # a few models, and what saving them takes
REQUIRED_PACKAGES = ("tensorflow", "keras", "h5py", "numpy")
OK, WARNING, ERROR = "ok", "remark", "wrong"


class HealthCheck(NamedTuple):
    """One thing that was checked: its heading, and its state ("ok", "remark", "wrong") in words."""

    about: str
    name: str
    state: str
    sentence: str


def run_diagnostics(library: Library, config: Settings, worker: Worker | None = None) -> list[HealthCheck]:
    """Check everything; with `worker`, also start it, which takes 7-18 s on slow machines."""
    checks: list[Callable[[], Iterator[HealthCheck]]] = [
        _check_versions,
        _check_formats,
        _check_machine,
        lambda: _check_disk(library),
        lambda: _check_catalog(library),
        lambda: _check_library(library),
        lambda: _check_store(library),
        lambda: _check_settings(config),
        lambda: _check_worker(config, worker),
    ]
    return [line for check in checks for line in _run_safely(check)]


def _run_safely(check: Callable[[], Iterator[HealthCheck]]) -> list[HealthCheck]:
    try:
        return list(check())
    except (RoundtripError, OSError) as error:
        return [HealthCheck("Library", "This could not be looked at", ERROR, str(translate(error, LibraryError)))]


def _check_versions() -> Iterator[HealthCheck]:
    versions = installed_versions()
    for name, number in versions.items():
        yield HealthCheck("Versions", name, OK, number)
    for name in REQUIRED_PACKAGES:
        if name not in versions:
            yield HealthCheck("Versions", name, ERROR, "Not installed. Install what requirements.txt names.")


def _check_formats() -> Iterator[HealthCheck]:
    """Formats whose package is missing cannot be used; that is no fault of the library."""
    formats = all_formats()
    unusable = [format_ for format_ in formats if format_.unavailable_reason or format_.missing_packages]
    if not unusable:
        yield HealthCheck("Versions", "formats", OK, f"All {len(formats)} formats can be used.")
    for format_ in unusable:
        missing = format_.missing_packages
        install = f"Needs {', '.join(missing)}: pip install {' '.join(missing)}"
        yield HealthCheck("Versions", format_.key, WARNING, format_.unavailable_reason or install)


def _check_machine() -> Iterator[HealthCheck]:
    machine = describe_machine()
    processors, memory = pluralize(machine["processors"], "processor"), format_size(machine["memory"])
    computer = f"{machine['processor']}, {processors}, {memory} of memory, {machine['system']}."
    yield HealthCheck("Machine", "computer", OK, computer)
    if sys.platform.startswith("linux"):
        yield HealthCheck("Machine", "fresh processes", OK, "A fresh process is forked from a warm one.")
    else:
        yield HealthCheck("Machine", "fresh processes", WARNING, "A fresh process starts by itself, in seconds.")


def _check_disk(library: Library) -> Iterator[HealthCheck]:
    usage = shutil.disk_usage(library.home)
    free = f"{format_size(usage.free)} of {format_size(usage.total)} are free."
    if usage.free >= MIN_FREE_BYTES:
        yield HealthCheck("Disk", "free space", OK, free)
    else:
        yield HealthCheck("Disk", "free space", WARNING, f"{free} A few saves may fill it.")
    for name, error in _probe_disk(library.home):
        if error is None:
            yield HealthCheck("Disk", name, OK, "Yes.")
        elif name == HARD_LINKS:
            yield HealthCheck("Disk", name, WARNING, f"{error} {HARD_LINK_CURE}")
        else:
            yield HealthCheck("Disk", name, ERROR, str(error))


def _probe_disk(home: Path) -> Iterator[tuple[str, RoundtripError | None]]:
    """Try each operation that the library needs on a file of our own."""
    try:
        with staging.staging_folder(home) as folder:
            for name, operation in DISK_OPERATIONS.items():
                try:
                    operation(folder)
                    yield name, None
                except OSError as error:
                    yield name, translate(error, LibraryError)
    except RoundtripError as error:
        yield "can be written", error


def _rename_file(folder: Path) -> None:
    os.rename(folder / "one", folder / "two")
    storage.fsync_path(folder)


DISK_OPERATIONS: dict[str, Callable[[Path], object]] = {
    "can be written": lambda folder: (folder / "one").write_bytes(b"1"),
    "keeps what is written": lambda folder: storage.fsync_path(folder / "one"),
    "renames in one step": _rename_file,
    HARD_LINKS: lambda folder: os.link(folder / "two", folder / "three"),
}


def _check_catalog(library: Library) -> Iterator[HealthCheck]:
    backend = library.catalog_backend()
    if backend == "memory":
        lost = "Its file or database could not be used, so it is in memory and made anew at every start."
        yield HealthCheck("Catalog", "kept in", WARNING, lost)
    else:
        name = "SQLite: one file in the library's folder." if backend == "sqlite" else backend
        yield HealthCheck("Catalog", "kept in", OK, name)
    started = time.monotonic()
    total = library.page(Query()).total
    listed = f"{pluralize(total, 'artifact')}, listed in {format_duration(time.monotonic() - started)}."
    if unreadable := library.page(Query(verdicts=(UNREADABLE,), size=1)).total:
        listed += f" {unreadable:,} of them cannot be read; a look for repairs says why."
    yield HealthCheck("Catalog", "artifacts", ERROR if unreadable else OK, listed)


def _check_library(library: Library) -> Iterator[HealthCheck]:
    trash = len(library.trash_ids())
    yield HealthCheck("Library", "runs", OK, pluralize(len(library.runs()), "run"))
    yield HealthCheck("Library", "trash", OK, f"{pluralize(trash, 'entry', 'entries')} can be restored.")
    if not library.entries.is_shared:  # a team's records are in its database, and what lies here are copies
        jobs = sum(1 for _ in (library.home / "jobs").iterdir())
        yield HealthCheck("Library", "jobs", OK, f"{pluralize(jobs, 'job')} on record.")
    if abandoned := len(staging.find_abandoned_staging(library.home)):
        sentence = f"{pluralize(abandoned, 'save')} that no process ended; a repair clears that."
        yield HealthCheck("Library", "staging", WARNING, sentence)
    else:
        yield HealthCheck("Library", "staging", OK, "Nothing is left over.")


def _check_store(library: Library) -> Iterator[HealthCheck]:
    """The store that a team shares, and what of it lies here; nothing where there is none."""
    state = library.entries.check_store()
    if state is None:
        return
    if state.problem:
        yield HealthCheck("Store", "answers", ERROR, state.problem)
    else:
        answer = f"{state.address} answers after {format_duration(state.seconds)}."
        yield HealthCheck("Store", "answers", OK, answer)
    cached = (
        f"{format_size(state.cached_bytes)} of it lie on this machine, of {format_size(state.cache_limit)} that may."
    )
    yield HealthCheck("Store", "cache", OK, cached)
    if state.unshared:
        count = pluralize(len(state.unshared), "entry", "entries")
        sentence = f"{count} of this machine's folder are not in the store, and nobody sees them."
        cure = "Bring them there: roundtrip migrate --to ADDRESS, with the store's address."
        yield HealthCheck("Store", "only here", WARNING, f"{sentence} {cure}")


def _check_settings(config: Settings) -> Iterator[HealthCheck]:
    environment = {name.upper() for name in os.environ}
    for name, value in list_public_settings(config).items():
        variable = f"ROUNDTRIP_{name.upper()}"
        origin = ", as the environment says" if variable in environment else ""
        description = Settings.model_fields[name].description or ""
        yield HealthCheck("Settings", variable, OK, f"{value}{origin} ({description})")


def list_public_settings(config: Settings) -> dict[str, object]:
    """Return every setting that may be shown: no password, and not where the library lies."""
    settings = config.model_dump(mode="json", exclude={"home"})
    database = mask_database_url(config.database_url) or "catalog.sqlite in the library"
    return settings | {"database_url": database, "store_url": mask_address(config.store_url) or "none"}


def _check_worker(config: Settings, worker: Worker | None) -> Iterator[HealthCheck]:
    """Measure how long a fresh process takes, and test the sandbox."""
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
    yield from check_sandbox(worker.run_sandbox_check(), config)


def check_sandbox(self_test: SandboxCheck, config: Settings) -> Iterator[HealthCheck]:
    """Report the sandbox's self-test, and what follows from it for imported models."""
    if self_test.blocked:
        yield HealthCheck("Sandbox", "verdict", OK, self_test.sentence)
    elif config.run_unconfined:
        effect = "Files that are imported are run all the same, because ROUNDTRIP_RUN_UNCONFINED says so."
        yield HealthCheck("Sandbox", "verdict", ERROR, f"{self_test.sentence} {effect}")
    else:
        effect = "Files that are imported can be kept and downloaded here, and are not run."
        yield HealthCheck("Sandbox", "verdict", WARNING, f"{self_test.sentence} {effect}")
    for probe in self_test.probes:
        yield HealthCheck("Sandbox", probe.name, OK if probe.blocked else WARNING, probe.sentence)
