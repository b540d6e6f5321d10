"""Every public method that takes an id answers a stranger as if there were no such id, also one that is added later."""

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
# How each method is asked for what `kept` names. A method that is in no table fails the test below.
CALLS_WITH_ID: dict[tuple[type, str], Callable[[Any, PrivateEntries], Any]] = {
    (Library, "artifact"): lambda it, stored: it.artifact(stored.artifact),
    (Library, "evidence"): lambda it, remaining: it.evidence(remaining.artifact),
    (Library, "verified_file"): lambda it, selected: it.verified_file(selected.artifact, "model.bin"),
    (Library, "verified_folder"): lambda it, kept: it.verified_folder(kept.artifact),
    (Library, "folder"): lambda it, kept: it.folder(kept.artifact),
    (Library, "history"): lambda it, kept: it.history(kept.run),
    (Library, "commit_artifact"): lambda it, kept: it.commit_artifact(it.home, kept.run, None),
    (Library, "record_refusals"): lambda it, kept: it.record_refusals(kept.run, {}, []),
    (Library, "annotate"): lambda it, kept: it.annotate(kept.artifact, note="Bo was here"),
    (Library, "annotations"): lambda it, kept: it.annotations(kept.artifact),
    (Library, "set_alias"): lambda it, kept: it.set_alias("champion", kept.artifact),
    (Library, "reference"): lambda it, kept: it.reference(kept.run),
    (Library, "refusals"): lambda it, kept: it.refusals(kept.run),
    (Library, "remove"): lambda it, kept: it.remove(kept.run),
    (Library, "remove_all"): lambda it, kept: it.remove_all([kept.artifact]),
    (Library, "restore"): lambda it, kept: it.restore(kept.artifact),
    (Library, "run"): lambda it, kept: it.run(kept.run),
    (Library, "snapshot"): lambda it, kept: it.snapshot(kept.run),
    (Library, "fingerprint"): lambda it, kept: it.fingerprint(kept.artifact),
    (Library, "tag"): lambda it, kept: it.tag([kept.artifact], ["mine"]),
    (Library, "verify"): lambda it, kept: it.verify(kept.artifact),
    (Jobs, "reimport_model"): lambda it, kept: it.reimport_model(kept.artifact),
    (Jobs, "predictions"): lambda it, kept: it.predictions(kept.job),
    (Jobs, "cancel"): lambda it, kept: it.cancel(kept.job),
    (Jobs, "compare"): lambda it, kept: it.compare([kept.artifact]),
    (Jobs, "benchmark"): lambda it, kept: it.benchmark([kept.artifact]),
    (Jobs, "find_disagreement"): lambda it, kept: it.find_disagreement(kept.artifact, kept.run),
    (Jobs, "compare_layers"): lambda it, kept: it.compare_layers(kept.artifact, kept.run),
    (Jobs, "create_live_session"): lambda it, kept: it.create_live_session([kept.artifact]),
    (Jobs, "resume"): lambda it, kept: it.resume(kept.run, [kept.artifact]),
    (Jobs, "find_resume_job"): lambda it, kept: it.find_resume_job(kept.run, [kept.artifact]),
    (Jobs, "save"): lambda it, kept: it.save(kept.run, ["keras"]),
    (Jobs, "verify"): lambda it, kept: it.verify([kept.artifact]),
    (Jobs, "wait"): lambda it, kept: it.wait(kept.job),
    (JobStore, "load_arrays"): lambda it, kept: it.load_arrays(kept.job),
    (JobStore, "request_cancel"): lambda it, kept: it.request_cancel(kept.job),
    (JobStore, "folder"): lambda it, kept: it.folder(kept.job),
    (JobStore, "delete"): lambda it, kept: it.delete(kept.job),
    (JobStore, "read"): lambda it, kept: it.read(kept.job),
    (Inputs, "iter_chunks"): lambda it, kept: list(it.iter_chunks(kept.inputs)),
    (Inputs, "verified_members"): lambda it, kept: it.verified_members(kept.inputs),
    (Inputs, "read"): lambda it, kept: it.read(kept.inputs),
    (Inputs, "read_rows"): lambda it, kept: it.read_rows(kept.inputs, [0]),
    (Inputs, "read_targets"): lambda it, kept: it.read_targets(kept.inputs),
    (Inputs, "write_npz"): lambda it, kept: it.write_npz(kept.inputs, io.BytesIO()),
}
# These list, and must leave out what is another's.
LISTING_CALLS: dict[tuple[type, str], Callable[[Any, PrivateEntries], Any]] = {
    (Library, "aliases"): lambda it, kept: it.aliases(),
    (Library, "artifacts_of"): lambda it, kept: it.artifacts_of(kept.run),
    (Library, "empty_trash"): lambda it, kept: it.empty_trash(0),
    (Library, "find"): lambda it, kept: it.find(),
    (Library, "ids"): lambda it, kept: it.ids(),
    (Library, "count_values"): lambda it, kept: [it.count_values(name) for name in ("demo", "format", "owner", "only")],
    (Library, "conversions_of"): lambda it, kept: it.conversions_of(kept.artifact),
    (Library, "page"): lambda it, kept: [
        it.page(Query(search=word, viewer_id=None)) for word in ("", "business", "keras")
    ],
    (Library, "find_on_disk"): lambda it, kept: it.find_on_disk(),
    (Library, "runs"): lambda it, kept: it.runs(),
    (Library, "foreign_paths"): lambda it, kept: it.foreign_paths(),
    (Library, "count_tags"): lambda it, kept: it.count_tags(),
    (Library, "trash_ids"): lambda it, kept: it.trash_ids(),
    (Library, "trashed_entries"): lambda it, kept: it.trashed_entries(),
    (JobStore, "list_jobs"): lambda it, kept: it.list_jobs(),
    (JobStore, "unstarted_folders"): lambda it, kept: it.unstarted_folders(),
    (JobStore, "orphans"): lambda it, kept: it.orphans(),
    (JobStore, "unreadable_jobs"): lambda it, kept: it.unreadable_jobs(),
}
# These take no id and tell of no entry; or they write for a job about its own record, whose id was made for it.
METHODS_WITHOUT_ID = {
    Library: "add catalog_backend commit_run commit_run_and_artifact drop_alias "
    "for_viewer original rebuild_catalog require_full_access resolve staging",
    Jobs: "for_viewer import_model rebuild repair train",
    JobStore: "create finish is_cancel_requested save_arrays with_access write write_final",
    Inputs: "add_drawn add_file add_held_out add_random add_search_result add_typed add_upload for_viewer",
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
