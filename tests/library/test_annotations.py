"""Names, tags, notes, pins and aliases: what a person says of what is kept, and what it does to the list."""

import json
import subprocess
import sys

import pytest
from filelock import FileLock

from core.errors import InputError, StorageFailed, UnknownName, UnreadableRecord
from core.library import Library, Query
from core.library.catalog import sync
from core.library.lineage import trace_lineage
from core.library.permissions import Viewer
from core.settings import PROJECT
from tests.factories.library_entries import make_artifact, make_run
from tests.helpers import overwrite_file


def query_ids(library: Library, **asked) -> list[str]:
    return [entry.id for entry in library.page(Query(**asked)).entries]


def test_annotations_are_stored_beside_record_and_listed(empty_library, artifact):
    empty_library.annotate(
        artifact.id, tags=[" Nightly ", "best\nof all", "nightly"], note="  Try\r\nagain ", pinned=True
    )
    marks = Library(empty_library.home).annotations(artifact.id)
    assert (marks.tags, marks.note, marks.pinned) == (["best of all", "nightly"], "Try\nagain", True)
    (entry,) = empty_library.find()
    assert (entry.tags, entry.note, entry.pinned) == (("best of all", "nightly"), "Try again", True)
    assert empty_library.artifact(artifact.id) == artifact
    empty_library.verify(artifact.id)


def test_annotated_run_name_is_used_everywhere(empty_library, run, artifact):
    empty_library.annotate(run.id, name="The\tgood one")
    assert empty_library.run(run.id).name == "The good one"
    assert [item.name for item in empty_library.runs()] == ["The good one"]
    assert [entry.run_name for entry in empty_library.find("good one")] == ["The good one"]
    assert empty_library.find("seed") == []
    empty_library.annotate(run.id, name="")
    assert empty_library.run(run.id).name == run.name
    with pytest.raises(InputError, match="A copy goes by the name of its run"):
        empty_library.annotate(artifact.id, name="x")


@pytest.mark.trust
@pytest.mark.parametrize(
    ("mark", "sentence"),
    [
        ({"note": "x" * 20_001}, "A note has at most 20,000 characters. Received: 20,001 characters."),
        ({"note": "x" * 2**20}, "A note has at most 20,000 characters."),
        ({"tags": ["x" * 41]}, "A tag has at most 40 characters."),
        ({"tags": [str(number) for number in range(31)]}, "An entry takes 30 tags."),
        ({"name": "x" * 201}, "A name has at most 200 characters."),
    ],
)
def test_annotation_over_limit_raises_input_error_and_changes_nothing(empty_library, run, mark, sentence):
    empty_library.annotate(run.id, note="before")
    with pytest.raises(InputError) as caught:
        empty_library.annotate(run.id, **mark)
    assert str(caught.value).startswith(sentence)
    assert empty_library.annotations(run.id).note == "before"


@pytest.mark.trust
@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "[x](http://x.example)", "'; DROP TABLE x --", "../../x", "a%_b"]
)
def test_annotation_of_any_text_is_stored_and_searchable(empty_library, artifact, text):
    empty_library.annotate(artifact.id, tags=[text], note=f"{text}\0\x1b[31m\u202e")
    assert empty_library.annotations(artifact.id).note == f"{text}[31m"
    assert query_ids(empty_library, tags=(text.lower(),)) == [artifact.id]
    assert query_ids(empty_library, search=text.split()[0]) == [artifact.id]
    assert query_ids(empty_library, tags=(text.lower() + "x",)) == []


def test_annotation_with_lone_surrogate_is_stored_with_replacement(empty_library, artifact):
    empty_library.annotate(artifact.id, note="half \ud83d")
    assert empty_library.annotations(artifact.id).note == "half ?"


def test_tags_are_added_and_removed_for_many_entries_at_once(empty_library, run):
    stored = [make_artifact(empty_library, run).id for _ in range(3)]
    empty_library.annotate(stored[0], tags=["old"])
    empty_library.tag(stored, add=["New"], drop=["OLD"])
    assert [empty_library.annotations(id_).tags for id_ in stored] == [["new"]] * 3
    assert empty_library.count_tags() == {"new": 3}


def test_broken_annotations_hide_no_artifact_and_are_not_overwritten(empty_library, artifact):
    empty_library.annotate(artifact.id, note="precious", tags=["x"])
    path = empty_library.home / "artifacts" / artifact.id / "marks.json"
    overwrite_file(path, "{")
    (entry,) = empty_library.find()
    assert (entry.problem, entry.tags) == (None, ())
    for use in (
        lambda: empty_library.annotations(artifact.id),
        lambda: empty_library.annotate(artifact.id, pinned=True),
    ):
        with pytest.raises(UnreadableRecord, match=r"The record marks\.json is missing or broken"):
            use()
    assert path.read_text() == "{"


def test_annotation_does_not_change_fingerprint(empty_library, artifact):
    before = empty_library.fingerprint(artifact.id)
    empty_library.annotate(artifact.id, note="x")
    assert empty_library.fingerprint(artifact.id) == before


# Aliases


def test_an_alias_points_to_one_artifact_and_moves(empty_library, run):
    first, second = make_artifact(empty_library, run), make_artifact(empty_library, run)
    assert empty_library.set_alias("champion", first.id) is None
    assert empty_library.set_alias("champion", second.id) == first.id
    assert (empty_library.aliases(), empty_library.resolve("champion")) == ({"champion": second.id}, second.id)
    assert query_ids(empty_library, alias=True) == query_ids(empty_library, search="CHAMP") == [second.id]
    assert empty_library.drop_alias("champion") == second.id
    assert query_ids(empty_library, alias=True) == []
    with pytest.raises(UnknownName, match="Nothing in the library has this id"):
        empty_library.resolve("champion")


def test_alias_history_says_where_it_pointed_when_and_set_by_whom(empty_library, run):
    first, second = make_artifact(empty_library, run), make_artifact(empty_library, run)
    empty_library.set_alias("champion", first.id)
    empty_library.for_viewer(Viewer("p1", "Ada")).set_alias("champion", second.id)
    empty_library.set_alias("champion", second.id)  # it points there already, so nothing changes
    empty_library.set_alias("other", first.id)
    empty_library.drop_alias("champion")
    changes = [(change.artifact, change.before, change.set_by) for change in empty_library.alias_history("champion")]
    assert changes == [(None, second.id, ""), (second.id, first.id, "Ada"), (first.id, None, "")]
    times = [change.created for change in empty_library.alias_history()]
    assert (len(times), times) == (4, sorted(times, reverse=True))


def test_alias_from_before_changes_were_noted_keeps_its_place_in_history(empty_library, run):
    first, second = make_artifact(empty_library, run), make_artifact(empty_library, run)
    record = {"schema": 1, "created": "2026-01-01T00:00:00.000+00:00", "aliases": {"champion": first.id}}
    (empty_library.home / "aliases.json").write_text(json.dumps(record))
    assert [change.artifact for change in empty_library.alias_history("champion")] == [first.id]
    empty_library.set_alias("champion", second.id)
    history = empty_library.alias_history("champion")
    assert [(change.artifact, bool(change.created)) for change in history] == [(second.id, True), (first.id, False)]


def test_an_id_resolves_to_itself(empty_library):
    assert empty_library.resolve("r0123456789") == "r0123456789"


@pytest.mark.parametrize(
    "name", ["", "a0123456789", "none", "demo", "two words", "../x", "1st", "x" * 65, "x/y", "<b>"]
)
def test_alias_like_an_id_or_path_raises_input_error(empty_library, artifact, name):
    with pytest.raises(InputError, match="An alias begins with a letter"):
        empty_library.set_alias(name, artifact.id)


def test_alias_to_path_outside_library_raises_unknown_name(empty_library, artifact):
    empty_library.set_alias("champion", artifact.id)
    path = empty_library.home / "aliases.json"
    path.write_text(path.read_text().replace(artifact.id, "../../x"))
    with pytest.raises(UnknownName):
        empty_library.resolve("champion")


WRITER_SCRIPT = """
import sys
from core.library import Library
library = Library(sys.argv[1])
for number in range(10):
    library.set_alias(f"{sys.argv[3]}-{number}", sys.argv[2])
    library.tag([sys.argv[2]], add=[f"{sys.argv[3]}-{number}"])
"""


def test_annotate_while_locked_times_out_with_storage_failed(empty_library, artifact, monkeypatch):
    monkeypatch.setattr("core.library.local_entries.LOCK_TIMEOUT", 0.01)
    with FileLock(empty_library.home / ".lock"), pytest.raises(StorageFailed) as caught:
        empty_library.annotate(artifact.id, note="mine")
    assert caught.value.sentence == "Somebody else has been changing the library for 0.01 seconds."
    assert str(empty_library.home) not in "".join(caught.value.to_json().values())
    empty_library.annotate(artifact.id, note="mine")  # nothing was left behind by who waited
    assert empty_library.annotations(artifact.id).note == "mine"


def test_two_processes_lose_no_annotations_of_each_other(empty_library, artifact):
    command = [sys.executable, "-c", WRITER_SCRIPT, str(empty_library.home), artifact.id]
    writers = [subprocess.Popen([*command, name], cwd=PROJECT) for name in ("left", "right")]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    wanted = sorted(f"{name}-{number}" for name in ("left", "right") for number in range(10))
    assert (sorted(empty_library.aliases()), empty_library.annotations(artifact.id).tags) == (wanted, wanted)
    assert empty_library.find()[0].aliases == tuple(wanted)


# Lineage


def test_lineage_traces_to_run_and_to_conversions(empty_library, run):
    first = make_artifact(empty_library, run)
    path = empty_library.home / "artifacts" / first.id

    def converted(parent: str) -> str:
        made = make_artifact(empty_library, run, "onnx")
        record = empty_library.home / "artifacts" / made.id / "artifact.json"
        overwrite_file(record, json.dumps(json.loads(record.read_text()) | {"made_from": parent}))
        return made.id

    second = converted(first.id)
    third = converted(second)
    result = trace_lineage(empty_library, third)
    assert [(item.artifact, item.state, item.format) for item in result.made_from] == [
        (second, "kept", "onnx"),
        (first.id, "kept", "keras"),
    ]
    assert (result.origin.run, result.origin.demo, result.origin.settings) == (run.id, "digits-mlp", {"epochs": 2})
    assert [item.artifact for item in trace_lineage(empty_library, first.id).made_into] == [second]
    assert sorted(item.artifact for item in trace_lineage(empty_library, run.id).made_into) == sorted(
        [first.id, second, third]
    )
    empty_library.remove(second)
    assert [item.state for item in trace_lineage(empty_library, third).made_from] == ["in the trash", "kept"]
    empty_library.empty_trash(0)
    assert [item.state for item in trace_lineage(empty_library, third).made_from] == ["gone"]
    assert path.is_dir()


def test_lineage_of_artifact_made_from_itself_terminates(empty_library, artifact):
    record = empty_library.home / "artifacts" / artifact.id / "artifact.json"
    overwrite_file(record, json.dumps(json.loads(record.read_text()) | {"made_from": artifact.id}))
    assert trace_lineage(empty_library, artifact.id).made_from == []


def test_lineage_of_artifact_without_run_reports_problem(empty_library, run, artifact):
    (empty_library.home / "runs" / run.id / "run.json").unlink()
    result = trace_lineage(empty_library, artifact.id)
    assert (result.origin, result.problem.startswith("The record run.json is missing")) == (None, True)


def test_catalog_with_annotations_equals_rebuilt_catalog(empty_library, run, artifact):
    other = make_artifact(empty_library, make_run(empty_library, name="Other"), "h5")
    empty_library.annotate(run.id, name="Renamed")
    empty_library.tag([artifact.id, other.id], add=["x"])
    empty_library.set_alias("champion", other.id)
    before = empty_library.page(Query())
    assert before.entries == empty_library.find_on_disk()
    empty_library.rebuild_catalog()
    assert empty_library.page(Query()) == before


def test_tags_over_limit_of_one_entry_are_added_to_none(empty_library, run):
    free, full = (make_artifact(empty_library, run).id for _ in range(2))
    empty_library.annotate(full, tags=[str(number) for number in range(30)])
    with pytest.raises(InputError, match="An entry takes 30 tags"):
        empty_library.tag([free, full], add=["x"])
    assert empty_library.annotations(free).tags == []


def test_tag_with_unwritable_change_log_still_takes_effect(empty_library, artifact, monkeypatch):
    monkeypatch.setattr(sync, "ALWAYS_SCANNED", 0)
    monkeypatch.setattr(sync, "SCAN_INTERVAL_FACTOR", 1e6)
    assert empty_library.count_tags() == {}
    (empty_library.home / "changes.log").unlink()
    (empty_library.home / "changes.log").mkdir()
    empty_library.tag([artifact.id], add=["x"])
    assert empty_library.count_tags() == {"x": 1}
