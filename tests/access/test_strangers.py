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
from core.library.job_store import Journal
from tests.access.conftest import BO, Kept

pytestmark = pytest.mark.trust

UNKNOWN = Kept("r00000000ff", "a00000000ff", "j00000000ff", "i00000000ff")
ROOMS: dict[type, Callable[[Jobs], Any]] = {
    Library: lambda jobs: jobs.library,
    Jobs: lambda jobs: jobs,
    Journal: lambda jobs: jobs.journal,
    Inputs: lambda jobs: jobs.inputs,
}
# How each method is asked for what `kept` names. A method that is in no table fails the test below.
ASKED: dict[tuple[type, str], Callable[[Any, Kept], Any]] = {
    (Library, "artifact"): lambda it, kept: it.artifact(kept.artifact),
    (Library, "evidence"): lambda it, kept: it.evidence(kept.artifact),
    (Library, "file"): lambda it, kept: it.file(kept.artifact, "model.bin"),
    (Library, "files"): lambda it, kept: it.files(kept.artifact),
    (Library, "folder"): lambda it, kept: it.folder(kept.artifact),
    (Library, "history"): lambda it, kept: it.history(kept.run),
    (Library, "keep_artifact"): lambda it, kept: it.keep_artifact(it.home, kept.run, None),
    (Library, "keep_refusals"): lambda it, kept: it.keep_refusals(kept.run, {}, []),
    (Library, "mark"): lambda it, kept: it.mark(kept.artifact, note="Bo was here"),
    (Library, "marks"): lambda it, kept: it.marks(kept.artifact),
    (Library, "point"): lambda it, kept: it.point("champion", kept.artifact),
    (Library, "reference"): lambda it, kept: it.reference(kept.run),
    (Library, "refusals"): lambda it, kept: it.refusals(kept.run),
    (Library, "remove"): lambda it, kept: it.remove(kept.run),
    (Library, "remove_all"): lambda it, kept: it.remove_all([kept.artifact]),
    (Library, "restore"): lambda it, kept: it.restore(kept.artifact),
    (Library, "run"): lambda it, kept: it.run(kept.run),
    (Library, "snapshot"): lambda it, kept: it.snapshot(kept.run),
    (Library, "stamp"): lambda it, kept: it.stamp(kept.artifact),
    (Library, "tag"): lambda it, kept: it.tag([kept.artifact], ["mine"]),
    (Library, "verify"): lambda it, kept: it.verify(kept.artifact),
    (Jobs, "bring_in_again"): lambda it, kept: it.bring_in_again(kept.artifact),
    (Jobs, "answers"): lambda it, kept: it.answers(kept.job),
    (Jobs, "cancel"): lambda it, kept: it.cancel(kept.job),
    (Jobs, "compare"): lambda it, kept: it.compare([kept.artifact]),
    (Jobs, "cost"): lambda it, kept: it.cost([kept.artifact]),
    (Jobs, "disagree"): lambda it, kept: it.disagree(kept.artifact, kept.run),
    (Jobs, "layers"): lambda it, kept: it.layers(kept.artifact, kept.run),
    (Jobs, "panel"): lambda it, kept: it.panel([kept.artifact]),
    (Jobs, "resume"): lambda it, kept: it.resume(kept.run, [kept.artifact]),
    (Jobs, "resumed"): lambda it, kept: it.resumed(kept.run, [kept.artifact]),
    (Jobs, "save"): lambda it, kept: it.save(kept.run, ["keras"]),
    (Jobs, "verify"): lambda it, kept: it.verify([kept.artifact]),
    (Jobs, "wait"): lambda it, kept: it.wait(kept.job),
    (Journal, "arrays"): lambda it, kept: it.arrays(kept.job),
    (Journal, "ask_to_cancel"): lambda it, kept: it.ask_to_cancel(kept.job),
    (Journal, "folder"): lambda it, kept: it.folder(kept.job),
    (Journal, "forget"): lambda it, kept: it.forget(kept.job),
    (Journal, "read"): lambda it, kept: it.read(kept.job),
    (Inputs, "chunks"): lambda it, kept: list(it.chunks(kept.inputs)),
    (Inputs, "members"): lambda it, kept: it.members(kept.inputs),
    (Inputs, "read"): lambda it, kept: it.read(kept.inputs),
    (Inputs, "take"): lambda it, kept: it.take(kept.inputs, [0]),
    (Inputs, "targets"): lambda it, kept: it.targets(kept.inputs),
    (Inputs, "write_npz"): lambda it, kept: it.write_npz(kept.inputs, io.BytesIO()),
}
# These list, and must leave out what is another's.
LISTS: dict[tuple[type, str], Callable[[Any, Kept], Any]] = {
    (Library, "aliases"): lambda it, kept: it.aliases(),
    (Library, "artifacts_of"): lambda it, kept: it.artifacts_of(kept.run),
    (Library, "empty_trash"): lambda it, kept: it.empty_trash(0),
    (Library, "find"): lambda it, kept: it.find(),
    (Library, "ids"): lambda it, kept: it.ids(),
    (Library, "kinds"): lambda it, kept: [it.kinds(name) for name in ("demo", "format", "owner", "only")],
    (Library, "made_from"): lambda it, kept: it.made_from(kept.artifact),
    (Library, "page"): lambda it, kept: [it.page(Query(search=word, me=None)) for word in ("", "business", "keras")],
    (Library, "read_anew"): lambda it, kept: it.read_anew(),
    (Library, "runs"): lambda it, kept: it.runs(),
    (Library, "strangers"): lambda it, kept: it.strangers(),
    (Library, "tags"): lambda it, kept: it.tags(),
    (Library, "trash"): lambda it, kept: it.trash(),
    (Library, "trashed"): lambda it, kept: it.trashed(),
    (Journal, "all"): lambda it, kept: it.all(),
    (Journal, "never_begun"): lambda it, kept: it.never_begun(),
    (Journal, "orphans"): lambda it, kept: it.orphans(),
    (Journal, "unreadable"): lambda it, kept: it.unreadable(),
}
# These take no id and tell of no entry; or they write for a job about its own record, whose id was made for it.
OTHERS = {
    Library: "add catalog_kind drop_alias keep_both keep_run original rebuild require_whole resolve seen_by staging",
    Jobs: "bring_in rebuild repair seen_by train",
    Journal: "asked_to_cancel begin end keep_arrays seen_by write write_last",
    Inputs: "drawn file found held_out random seen_by typed upload",
}


def names_of(room: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(room, inspect.isfunction) if not name.startswith("_")}


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_every_public_method_is_in_a_table_of_this_test(room):
    known = {name for one, name in [*ASKED, *LISTS] if one is room} | set(OTHERS[room].split())
    assert known == names_of(room)


@pytest.mark.parametrize(("room", "name"), ASKED, ids=lambda one: getattr(one, "__name__", one))
def test_a_stranger_is_told_of_a_private_id_what_anybody_is_told_of_an_id_that_never_was(house, adas, room, name):
    bos = ROOMS[room](house.seen_by(BO))
    said = {}
    for kept in (adas, UNKNOWN):
        with pytest.raises(UnknownName) as caught:
            ASKED[room, name](bos, kept)
        said[kept] = re.sub("[aijr][0-9a-f]{10}", "ID", str(caught.value))
    assert said[adas] == said[UNKNOWN]
    assert sorted(house.library.ids()) == sorted([adas.run, adas.artifact])
    assert house.journal.read(adas.job).result == {"verdict": "secret"}


@pytest.mark.parametrize(("room", "name"), LISTS, ids=lambda one: getattr(one, "__name__", one))
def test_no_list_shows_a_stranger_what_is_private(house, adas, room, name):
    house.library.mark(adas.artifact, tags=["business"], note="business")
    house.library.point("business", adas.artifact)
    for _ in range(2):
        said = repr(LISTS[room, name](ROOMS[room](house.seen_by(BO)), adas))
        assert not any(id_ in said for id_ in adas.all)
        assert not re.search("business|keras|digits", said)
        if "trash" in name:
            house.library.drop_alias("business") if house.library.aliases() else None
            house.library.remove(adas.run) if house.library.ids() else None
    assert len(house.library.trash()) + len(house.library.ids()) == 2
