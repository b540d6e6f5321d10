"""What people do to a library, each prepared first and then done: `DEEDS[name](library)` gives what does it."""

from collections.abc import Callable

from core.health import repair_library
from core.library import Library, storage
from core.library.job_store import Job, JobStore
from tests.factories.library_entries import make_artifact, make_imported_artifact, make_run


def _newest_artifact_id(library: Library) -> str:
    return library.find()[0].id


def _prepare_save(library: Library) -> Callable[[], object]:
    run = library.runs()[0]
    return storage.translate_disk_errors()(
        lambda: make_artifact(library, run)
    )  # the copy itself is written by a format, which translates


def _prepare_train(library: Library) -> Callable[[], object]:
    return storage.translate_disk_errors()(lambda: make_run(library))


def _prepare_import(library: Library) -> Callable[[], object]:
    return storage.translate_disk_errors()(lambda: make_imported_artifact(library))


def _prepare_remove(library: Library) -> Callable[[], object]:
    run = library.runs()[0].id
    return lambda: library.remove(run)


def _prepare_restore(library: Library) -> Callable[[], object]:
    artifact = library.find()[0]
    library.remove(artifact.run)
    return lambda: library.restore(artifact.id)


def _prepare_empty_trash(library: Library) -> Callable[[], object]:
    """Of the trash, in which lies what nobody was told was kept for good."""
    library.remove(make_artifact(library, library.runs()[0]).id)
    return lambda: library.empty_trash(0)


def _prepare_annotate(library: Library) -> Callable[[], object]:
    artifact = library.find()[0]

    def mark() -> None:
        library.annotate(artifact.run, name="Another name")
        library.tag([artifact.id], ["good"])
        library.set_alias("champion", artifact.id)

    return mark


def _prepare_record_refusals(library: Library) -> Callable[[], object]:
    run = library.runs()[0].id
    return lambda: library.record_refusals(run, {"h5": {"created": "now", "error": {}}}, [])


def _prepare_create_job(library: Library) -> Callable[[], object]:
    journal = JobStore(library.home / "jobs", 9)
    return lambda: journal.create(Job(id="j0000000001", kind="save", title="A save", result={"rows": {}}))


def _prepare_list(library: Library) -> Callable[[], object]:
    make_artifact(library, library.runs()[0])
    return library.find


def _prepare_verify(library: Library) -> Callable[[], object]:
    id_ = _newest_artifact_id(library)
    return lambda: library.verify(id_)


OPERATIONS: dict[str, Callable[[Library], Callable[[], object]]] = {
    "save": _prepare_save,
    "train": _prepare_train,
    "import": _prepare_import,
    "remove": _prepare_remove,
    "restore": _prepare_restore,
    "empty the trash": _prepare_empty_trash,
    "mark": _prepare_annotate,
    "note refusals": _prepare_record_refusals,
    "begin a job": _prepare_create_job,
    "list": _prepare_list,
    "verify": _prepare_verify,
    "open": lambda library: lambda: Library(library.home),
    "rebuild": lambda library: library.rebuild_catalog,
    "repair": lambda library: lambda: repair_library(library),
}
