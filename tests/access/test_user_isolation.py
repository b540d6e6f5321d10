"""Every public method that takes an id answers another user as if there were no such id, those added later too."""

import inspect
import io
import re
from collections.abc import Callable
from typing import Any

import pytest

from core.errors import UnknownName
from core.inputs import Inputs
from core.jobs import Jobs
from core.library import Library, Query
from core.library.job_store import JobStore
from tests.factories.private_entries import BO, PrivateEntries

pytestmark = pytest.mark.trust

UNKNOWN_IDS = PrivateEntries("r00000000ff", "a00000000ff", "j00000000ff", "i00000000ff")
SERVICES: dict[type, Callable[[Jobs], Any]] = {
    Library: lambda jobs: jobs.library,
    Jobs: lambda jobs: jobs,
    JobStore: lambda jobs: jobs.job_store,
    Inputs: lambda jobs: jobs.inputs,
}
# How each method is asked for what `entries` names. A method that is in no table fails the test below.
CALLS_WITH_ID: dict[tuple[type, str], Callable[[Any, PrivateEntries], Any]] = {
    (Library, "artifact"): lambda service, entries: service.artifact(entries.artifact),
    (Library, "evidence"): lambda service, entries: service.evidence(entries.artifact),
    (Library, "verified_file"): lambda service, entries: service.verified_file(entries.artifact, "model.bin"),
    (Library, "verified_files"): lambda service, entries: service.verified_files(entries.artifact),
    (Library, "find_missing"): lambda service, entries: service.find_missing(entries.artifact),
    (Library, "list_damage"): lambda service, entries: service.list_damage(entries.artifact),
    (Library, "verified_folder"): lambda service, entries: service.verified_folder(entries.artifact),
    (Library, "folder"): lambda service, entries: service.folder(entries.artifact),
    (Library, "history"): lambda service, entries: service.history(entries.run),
    (Library, "commit_artifact"): lambda service, entries: service.commit_artifact(service.home, entries.run, None),
    (Library, "record_refusals"): lambda service, entries: service.record_refusals(entries.run, {}, []),
    (Library, "annotate"): lambda service, entries: service.annotate(entries.artifact, note="Bo was here"),
    (Library, "annotations"): lambda service, entries: service.annotations(entries.artifact),
    (Library, "set_alias"): lambda service, entries: service.set_alias("champion", entries.artifact),
    (Library, "reference"): lambda service, entries: service.reference(entries.run),
    (Library, "refusals"): lambda service, entries: service.refusals(entries.run),
    (Library, "remove"): lambda service, entries: service.remove(entries.run),
    (Library, "remove_all"): lambda service, entries: service.remove_all([entries.artifact]),
    (Library, "require_removable"): lambda service, entries: service.require_removable([entries.artifact]),
    (Library, "restore"): lambda service, entries: service.restore(entries.artifact),
    (Library, "run"): lambda service, entries: service.run(entries.run),
    (Library, "snapshot"): lambda service, entries: service.snapshot(entries.run),
    (Library, "fingerprint"): lambda service, entries: service.fingerprint(entries.artifact),
    (Library, "tag"): lambda service, entries: service.tag([entries.artifact], ["mine"]),
    (Library, "verify"): lambda service, entries: service.verify(entries.artifact),
    (Jobs, "reimport_model"): lambda service, entries: service.reimport_model(entries.artifact),
    (Jobs, "predictions"): lambda service, entries: service.predictions(entries.job),
    (Jobs, "cancel"): lambda service, entries: service.cancel(entries.job),
    (Jobs, "compare"): lambda service, entries: service.compare([entries.artifact]),
    (Jobs, "benchmark"): lambda service, entries: service.benchmark([entries.artifact]),
    (Jobs, "find_disagreement"): lambda service, entries: service.find_disagreement(entries.artifact, entries.run),
    (Jobs, "compare_layers"): lambda service, entries: service.compare_layers(entries.artifact, entries.run),
    (Jobs, "create_live_session"): lambda service, entries: service.create_live_session([entries.artifact]),
    (Jobs, "ask_elsewhere"): lambda service, entries: service.ask_elsewhere(entries.run, ["tract"]),
    (Jobs, "check_upgrade"): lambda service, entries: service.check_upgrade(
        "here", "tf-2.15", copies=[entries.artifact]
    ),
    (Jobs, "bisect"): lambda service, entries: service.bisect("here", "keras-3.3", copies=[entries.artifact]),
    (Jobs, "find_cured_files"): lambda service, entries: service.find_cured_files(entries.job),
    (Jobs, "resume"): lambda service, entries: service.resume(entries.run, [entries.artifact]),
    (Jobs, "find_resume_job"): lambda service, entries: service.find_resume_job(entries.run, [entries.artifact]),
    (Jobs, "save"): lambda service, entries: service.save(entries.run, ["keras"]),
    (Jobs, "verify"): lambda service, entries: service.verify([entries.artifact]),
    (Jobs, "wait"): lambda service, entries: service.wait(entries.job),
    (JobStore, "load_arrays"): lambda service, entries: service.load_arrays(entries.job),
    (JobStore, "request_cancel"): lambda service, entries: service.request_cancel(entries.job),
    (JobStore, "folder"): lambda service, entries: service.folder(entries.job),
    (JobStore, "delete"): lambda service, entries: service.delete(entries.job),
    (JobStore, "read"): lambda service, entries: service.read(entries.job),
    (Inputs, "iter_chunks"): lambda service, entries: list(service.iter_chunks(entries.inputs)),
    (Inputs, "verified_members"): lambda service, entries: service.verified_members(entries.inputs),
    (Inputs, "read"): lambda service, entries: service.read(entries.inputs),
    (Inputs, "read_rows"): lambda service, entries: service.read_rows(entries.inputs, [0]),
    (Inputs, "read_targets"): lambda service, entries: service.read_targets(entries.inputs),
    (Inputs, "write_npz"): lambda service, entries: service.write_npz(entries.inputs, io.BytesIO()),
}
# These list, and must leave out what is another's.
LISTING_CALLS: dict[tuple[type, str], Callable[[Any, PrivateEntries], Any]] = {
    (Library, "aliases"): lambda service, entries: service.aliases(),
    (Library, "alias_history"): lambda service, entries: service.alias_history(),
    (Library, "artifacts_of"): lambda service, entries: service.artifacts_of(entries.run),
    (Library, "empty_trash"): lambda service, entries: service.empty_trash(0),
    (Library, "find"): lambda service, entries: service.find(),
    (Library, "ids"): lambda service, entries: service.ids(),
    (Library, "count_values"): lambda service, entries: [
        service.count_values(name) for name in ("demo", "format", "owner", "only")
    ],
    (Library, "conversions_of"): lambda service, entries: service.conversions_of(entries.artifact),
    (Library, "page"): lambda service, entries: [
        service.page(Query(search=word, viewer_id=None)) for word in ("", "business", "keras")
    ],
    (Library, "find_folder"): lambda service, entries: [
        service.find_folder(id_) for id_ in (entries.run, entries.artifact)
    ],
    (Library, "has"): lambda service, entries: [service.has(id_) for id_ in (entries.run, entries.artifact)],
    (Library, "find_on_disk"): lambda service, entries: service.find_on_disk(),
    (Library, "runs"): lambda service, entries: service.runs(),
    (Library, "run_names"): lambda service, entries: service.run_names(),
    (Library, "foreign_paths"): lambda service, entries: service.foreign_paths(),
    (Library, "count_tags"): lambda service, entries: service.count_tags(),
    (Library, "trash_ids"): lambda service, entries: service.trash_ids(),
    (Library, "trashed_entries"): lambda service, entries: service.trashed_entries(),
    (JobStore, "list_jobs"): lambda service, entries: service.list_jobs(),
    (JobStore, "unstarted_folders"): lambda service, entries: service.unstarted_folders(),
    (JobStore, "orphans"): lambda service, entries: service.orphans(),
    (JobStore, "unreadable_jobs"): lambda service, entries: service.unreadable_jobs(),
}
# These take no id and tell of no entry; or they write for a job about its own record, whose id was made for it.
METHODS_WITHOUT_ID = {
    Library: "add add_alias_history catalog_backend commit_finalized_run commit_first_artifact commit_run "
    "commit_run_and_artifact drop_alias finalize_run find_earlier for_viewer original rebuild_catalog "
    "require_full_access resolve staging with_fence",
    Jobs: "build_environments cure find_trials for_viewer in_bulk import_model list_environments pull_lever rebuild "
    "remove_environments repair train",
    JobStore: "count_waiting create evict finish is_cancel_requested local_folder save_arrays with_access write "
    "write_final",
    Inputs: "add_drawn add_file add_held_out add_plane add_random add_search_result add_typed add_upload for_viewer",
}


def public_methods(room: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(room, inspect.isfunction) if not name.startswith("_")}


@pytest.mark.parametrize("room", SERVICES, ids=lambda room: room.__name__)
def test_every_public_method_is_listed_for_isolation_checks(room):
    known = {name for item, name in [*CALLS_WITH_ID, *LISTING_CALLS] if item is room} | set(
        METHODS_WITHOUT_ID[room].split()
    )
    assert known == public_methods(room)


@pytest.mark.parametrize(("room", "name"), CALLS_WITH_ID, ids=lambda item: getattr(item, "__name__", item))
def test_private_id_raises_same_error_as_unknown_id(server_jobs, ada_entries, room, name):
    bos = SERVICES[room](server_jobs.for_viewer(BO))
    text = {}
    for stored in (ada_entries, UNKNOWN_IDS):
        with pytest.raises(UnknownName) as caught:
            CALLS_WITH_ID[room, name](bos, stored)
        text[stored] = re.sub("[aijr][0-9a-f]{10}", "ID", str(caught.value))
    assert text[ada_entries] == text[UNKNOWN_IDS]
    assert sorted(server_jobs.library.ids()) == sorted([ada_entries.run, ada_entries.artifact])
    assert server_jobs.job_store.read(ada_entries.job).result == {"verdict": "secret"}


@pytest.mark.parametrize(("room", "name"), LISTING_CALLS, ids=lambda item: getattr(item, "__name__", item))
def test_listing_hides_private_entries_of_other_users(server_jobs, ada_entries, room, name):
    server_jobs.library.annotate(ada_entries.artifact, tags=["business"], note="business")
    server_jobs.library.set_alias("business", ada_entries.artifact)
    for _ in range(2):
        text = repr(LISTING_CALLS[room, name](SERVICES[room](server_jobs.for_viewer(BO)), ada_entries))
        assert not any(id_ in text for id_ in ada_entries.all)
        assert not re.search("business|keras|digits", text)
        if "trash" in name:
            server_jobs.library.drop_alias("business") if server_jobs.library.aliases() else None
            server_jobs.library.remove(ada_entries.run) if server_jobs.library.ids() else None
    assert len(server_jobs.library.trash_ids()) + len(server_jobs.library.ids()) == 2
