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
from tests.access.conftest import BO, Kept

pytestmark = pytest.mark.trust

UNKNOWN = Kept("r00000000ff", "a00000000ff", "j00000000ff", "i00000000ff")
ROOMS: dict[type, Callable[[Jobs], Any]] = {
    Library: lambda jobs: jobs.library,
    Jobs: lambda jobs: jobs,
    JobStore: lambda jobs: jobs.job_store,
    Inputs: lambda jobs: jobs.inputs,
}
# How each method is asked for what `kept` names. A method that is in no table fails the test below.
ASKED: dict[tuple[type, str], Callable[[Any, Kept], Any]] = {
    (Library, "artifact"): lambda it, kept: it.artifact(kept.artifact),
    (Library, "evidence"): lambda it, kept: it.evidence(kept.artifact),
    (Library, "verified_file"): lambda it, kept: it.verified_file(kept.artifact, "model.bin"),
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
LISTS: dict[tuple[type, str], Callable[[Any, Kept], Any]] = {
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
OTHERS = {
    Library: "add catalog_backend commit_run commit_run_and_artifact drop_alias "
    "for_viewer original rebuild_catalog require_full_access resolve staging",
    Jobs: "for_viewer import_model rebuild repair train",
    JobStore: "create finish is_cancel_requested save_arrays with_access write write_final",
    Inputs: "add_drawn add_file add_held_out add_random add_search_result add_typed add_upload for_viewer",
}


def names_of(room: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(room, inspect.isfunction) if not name.startswith("_")}


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_every_public_method_is_in_a_table_of_this_test(room):
    known = {name for one, name in [*ASKED, *LISTS] if one is room} | set(OTHERS[room].split())
    assert known == names_of(room)


@pytest.mark.parametrize(("room", "name"), ASKED, ids=lambda one: getattr(one, "__name__", one))
def test_a_stranger_is_told_of_a_private_id_what_anybody_is_told_of_an_id_that_never_was(house, adas, room, name):
    bos = ROOMS[room](house.for_viewer(BO))
    said = {}
    for kept in (adas, UNKNOWN):
        with pytest.raises(UnknownName) as caught:
            ASKED[room, name](bos, kept)
        said[kept] = re.sub("[aijr][0-9a-f]{10}", "ID", str(caught.value))
    assert said[adas] == said[UNKNOWN]
    assert sorted(house.library.ids()) == sorted([adas.run, adas.artifact])
    assert house.job_store.read(adas.job).result == {"verdict": "secret"}


@pytest.mark.parametrize(("room", "name"), LISTS, ids=lambda one: getattr(one, "__name__", one))
def test_no_list_shows_a_stranger_what_is_private(house, adas, room, name):
    house.library.annotate(adas.artifact, tags=["business"], note="business")
    house.library.set_alias("business", adas.artifact)
    for _ in range(2):
        said = repr(LISTS[room, name](ROOMS[room](house.for_viewer(BO)), adas))
        assert not any(id_ in said for id_ in adas.all)
        assert not re.search("business|keras|digits", said)
        if "trash" in name:
            house.library.drop_alias("business") if house.library.aliases() else None
            house.library.remove(adas.run) if house.library.ids() else None
    assert len(house.library.trash_ids()) + len(house.library.ids()) == 2
