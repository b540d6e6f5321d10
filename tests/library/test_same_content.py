"""Copies that say the same: found in the library, said by list, show, diff and an import."""

import json
from pathlib import Path

import pytest

from core.evidence.content_hash import DEFINITION, ContentHash
from core.introspection.content_match import ContentMatch
from core.introspection.diff import diff_artifacts
from core.jobs.imports.known_models import KNOWN_CHECK
from core.library import Artifact
from core.library.listing import find_same_content
from tests.factories.library_entries import make_artifact
from tests.helpers import run_command, wait_until_done

CONTENT = ContentHash(sha256="1" * 64, weights="2" * 64)
OTHER_GRAPH = ContentHash(sha256="3" * 64, weights="2" * 64)
OTHER_WEIGHTS = ContentHash(sha256="4" * 64, weights="5" * 64)


def test_copies_of_same_content_are_found_in_other_bytes(empty_library, run):
    first, second = (make_artifact(empty_library, run, content=data, said=CONTENT).id for data in (b"1", b"2"))
    other = make_artifact(empty_library, run, said=OTHER_GRAPH).id
    unknown = make_artifact(empty_library, run).id
    assert set(find_same_content(empty_library, CONTENT)) == {first, second}
    assert find_same_content(empty_library, CONTENT, besides=first) == [second]
    assert find_same_content(empty_library, OTHER_GRAPH, besides=other) == []
    assert find_same_content(empty_library, empty_library.artifact(unknown).content) == []


def test_record_without_content_hash_stays_readable(empty_library, run):
    id_ = make_artifact(empty_library, run, said=CONTENT).id
    path = empty_library.folder(id_) / "artifact.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record.pop("content") == CONTENT.model_dump()
    path.write_text(json.dumps(record), encoding="utf-8")
    empty_library.rebuild_catalog()
    assert empty_library.artifact(id_).content is None
    assert [(entry.id, entry.content, entry.problem) for entry in empty_library.find()] == [(id_, None, None)]


def test_list_and_show_commands_say_the_content_hash(empty_library, run, monkeypatch):
    monkeypatch.setattr("core.cli.console.Library", lambda: empty_library)
    first, second = (make_artifact(empty_library, run, content=data, said=CONTENT).id for data in (b"1", b"2"))
    rows = json.loads(run_command("list", CONTENT.sha256[:12], "--json")[1])
    assert {(row["artifact"], row["content"]) for row in rows} == {(first, "1" * 64), (second, "1" * 64)}
    shown = json.loads(run_command("show", first, "--json")[1])
    assert (shown["content"], shown["same_content"]) == (CONTENT.model_dump(), [second])


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (CONTENT, "Equal content, other bytes: tensors and graph are the same; dates, ids or order are not."),
        (OTHER_GRAPH, "Equal weights, other content: what stands around them differs."),
        (OTHER_WEIGHTS, "Other content: the weights differ."),
        (CONTENT.model_copy(update={"definition": DEFINITION + 1}), ""),
        (None, ""),
    ],
)
def test_two_records_say_what_is_equal(empty_library, run, other, sentence):
    left = make_artifact(empty_library, run, content=b"1", said=CONTENT)
    right = make_artifact(empty_library, run, content=b"2", said=other)
    assert ContentMatch.compare(left, right).sentence == sentence
    assert ContentMatch.compare(left, left).sentence == "Equal bytes: both copies are the same files."


def test_second_save_and_import_of_a_copy_are_known_as_equal(copied_entries, tmp_path: Path):
    own, run, artifacts = copied_entries("digits-mlp", "keras")
    rows = wait_until_done(own, own.save(run, ["keras"])).result["rows"]
    for key, first in artifacts.items():
        left, right = (own.library.artifact(id_) for id_ in (first, rows[key]["artifact"]))
        assert [file.sha256 for file in left.files] != [file.sha256 for file in right.files]
        assert find_same_content(own.library, left.content, left.id) == [right.id]
    match = diff_artifacts(own, artifacts["keras"], rows["keras"]["artifact"]).content
    assert (match.has_equal_bytes, match.has_equal_content) == (False, True)
    _assert_import_is_known(own, own.library.artifact(artifacts["keras"]), tmp_path / "mine.keras")


def _assert_import_is_known(own, artifact: Artifact, path: Path) -> None:
    path.write_bytes((own.library.verified_folder(artifact.id) / "model.keras").read_bytes())
    result = wait_until_done(own, own.import_model(path, path.name)).result
    assert own.library.artifact(result["artifact"]).content == artifact.content
    (check,) = (check for check in result["checks"] if check["what"] == KNOWN_CHECK)
    assert check["remark"].startswith("Keras file")
    assert check["remark"].endswith(" and 1 more.")
