"""What people do to a library, each prepared first and then done: `DEEDS[name](library)` gives what does it."""

from collections.abc import Callable

from core.health import repair_library
from core.library import Library, storage
from core.library.job_store import Job, JobStore
from tests.library.conftest import keep_artifact, keep_both, keep_run


def _newest(library: Library) -> str:
    return library.find()[0].id


def _save(library: Library) -> Callable[[], object]:
    run = library.runs()[0]
    return storage.translate_disk_errors()(
        lambda: keep_artifact(library, run)
    )  # the copy itself is written by a format, which translates


def _train(library: Library) -> Callable[[], object]:
    return storage.translate_disk_errors()(lambda: keep_run(library))


def _import(library: Library) -> Callable[[], object]:
    return storage.translate_disk_errors()(lambda: keep_both(library))


def _remove(library: Library) -> Callable[[], object]:
    run = library.runs()[0].id
    return lambda: library.remove(run)


def _restore(library: Library) -> Callable[[], object]:
    artifact = library.find()[0]
    library.remove(artifact.run)
    return lambda: library.restore(artifact.id)


def _empty(library: Library) -> Callable[[], object]:
    """Of the trash, in which lies what nobody was told was kept for good."""
    library.remove(keep_artifact(library, library.runs()[0]).id)
    return lambda: library.empty_trash(0)


def _mark(library: Library) -> Callable[[], object]:
    artifact = library.find()[0]

    def mark() -> None:
        library.annotate(artifact.run, name="Another name")
        library.tag([artifact.id], ["good"])
        library.set_alias("champion", artifact.id)

    return mark


def _refuse(library: Library) -> Callable[[], object]:
    run = library.runs()[0].id
    return lambda: library.record_refusals(run, {"h5": {"created": "now", "error": {}}}, [])


def _work(library: Library) -> Callable[[], object]:
    journal = JobStore(library.home / "jobs", 9)
    return lambda: journal.create(Job(id="j0000000001", kind="save", title="A save", result={"rows": {}}))


def _list(library: Library) -> Callable[[], object]:
    keep_artifact(library, library.runs()[0])
    return library.find


def _verify(library: Library) -> Callable[[], object]:
    id_ = _newest(library)
    return lambda: library.verify(id_)


DEEDS: dict[str, Callable[[Library], Callable[[], object]]] = {
    "save": _save,
    "train": _train,
    "import": _import,
    "remove": _remove,
    "restore": _restore,
    "empty the trash": _empty,
    "mark": _mark,
    "note refusals": _refuse,
    "begin a job": _work,
    "list": _list,
    "verify": _verify,
    "open": lambda library: lambda: Library(library.home),
    "rebuild": lambda library: library.rebuild_catalog,
    "repair": lambda library: lambda: repair_library(library),
}
