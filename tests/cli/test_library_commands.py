"""The commands over what is kept, on a library that was made by hand."""

import json

import pytest

from tests.factories.library_entries import make_artifact, make_imported_artifact
from tests.helpers import run_command


@pytest.fixture
def run_library_command(empty_library, monkeypatch):
    """A function that runs a command over the test's own library; gives (status, output, errors)."""
    monkeypatch.setattr("core.cli.console.Library", lambda: empty_library)
    return run_command


def list_artifact_ids(say_here, *words: str) -> list[str]:
    status, out, _ = say_here("list", *words, "--json")
    assert status == 0
    return [row["artifact"] for row in json.loads(out)]


def test_list_command_filters_sorts_and_pages(run_library_command, empty_library, run):
    stored = [
        make_artifact(empty_library, run, key, b"x" * size).id for key, size in (("keras", 9), ("h5", 1), ("h5", 5))
    ]
    assert list_artifact_ids(run_library_command, "--format", "h5", "--sort", "bytes") == [stored[2], stored[1]]
    assert list_artifact_ids(run_library_command, "--sort", "bytes", "--ascending", "--limit", "1", "--page", "2") == [
        stored[2]
    ]
    assert list_artifact_ids(run_library_command, "--verdict", "does-not-load") == []
    assert run_library_command("tag", stored[0], stored[1], "--tag", "Prod")[0] == 0
    assert run_library_command("pin", stored[1])[0] == 0
    assert sorted(list_artifact_ids(run_library_command, "--tag", "prod")) == sorted(stored[:2])
    assert list_artifact_ids(run_library_command, "--tag", "prod", "--pinned") == [stored[1]]
    assert list_artifact_ids(run_library_command, "--run", run.id, "--not-pinned", "--tag", "prod") == [stored[0]]
    assert run_library_command("untag", stored[0], "--tag", "prod")[0] == 0
    assert list_artifact_ids(run_library_command, "--tag", "prod") == [stored[1]]
    sha = empty_library.artifact(stored[0]).files[0].sha256
    assert list_artifact_ids(run_library_command, sha[:12]) == [stored[0]]


def test_list_command_takes_imported_and_the_word_of_records(run_library_command, empty_library, run):
    own, copy = make_artifact(empty_library, run).id, make_imported_artifact(empty_library).id
    for word, expected in (("ours", [own]), ("imported", [copy]), ("brought in", [copy]), ("", [copy, own])):
        assert list_artifact_ids(run_library_command, "--trust", word) == expected
    assert "imported" in run_library_command("list", "--trust", "imported")[1]
    assert "imported" in run_library_command("list", "--runs")[1]
    status, _, error = run_library_command("list", "--trust", "theirs")
    assert (status, "Choose from ours, imported." in error) == (1, True)


def test_an_alias_stands_for_its_id_in_every_command(run_library_command, empty_library, run, artifact):
    status, out, _ = run_library_command("alias", "champion", artifact.id, "--json")
    assert (status, json.loads(out)) == (0, [{"alias": "champion", "artifact": artifact.id, "before": None}])
    assert json.loads(run_library_command("show", "champion", "--json")[1])["marks"]["aliases"] == ["champion"]
    assert run_library_command("note", "champion", "the one")[0] == 0
    assert empty_library.annotations(artifact.id).note == "the one"
    assert run_library_command("verify", "champion")[0] == 0
    assert json.loads(run_library_command("lineage", "champion", "--json")[1])["origin"]["run"] == run.id
    other = make_artifact(empty_library, run)
    assert json.loads(run_library_command("alias", "runner-up", "champion", "--json")[1])[0]["artifact"] == artifact.id
    assert json.loads(run_library_command("alias", "champion", other.id, "--json")[1])[0]["before"] == artifact.id
    status, _, error = run_library_command("remove", "champion")
    assert (status, error.startswith("The alias 'champion' points to it, so it is not removed.")) == (1, True)
    assert run_library_command("alias", "champion", "--drop")[0] == 0
    assert [row["alias"] for row in json.loads(run_library_command("alias", "--json")[1])] == ["runner-up"]


def test_show_command_names_a_format_that_is_not_installed_by_its_key(run_library_command, empty_library, run):
    copy = make_artifact(empty_library, run, "plain_numpy")
    status, out, _ = run_library_command("show", copy.id)
    assert (status, "plain_numpy: plain_numpy" in out) == (0, True)
    assert run_library_command("show", run.id)[0] == 0


def test_rename_command_changes_run_name_everywhere(run_library_command, artifact, run):
    assert run_library_command("rename", run.id, "The good one")[0] == 0
    assert json.loads(run_library_command("list", "--json")[1])[0]["run_name"] == "The good one"
    assert json.loads(run_library_command("list", "--runs", "--json")[1])[0]["name"] == "The good one"
    assert "The good one" in run_library_command("lineage", artifact.id)[1]


def test_empty_trash_command_deletes_by_age_or_all(run_library_command, empty_library, run):
    stored = [make_artifact(empty_library, run).id for _ in range(2)]
    assert run_library_command("remove", *stored)[0] == 0
    assert json.loads(run_library_command("empty-trash", "--json")[1]) == []
    assert sorted(row["artifact"] for row in json.loads(run_library_command("list", "--trash", "--json")[1])) == sorted(
        stored
    )
    assert run_library_command("restore", stored[0])[0] == 0
    assert json.loads(run_library_command("empty-trash", "--all", "--json")[1]) == [{"deleted": stored[1]}]
    document = json.loads(run_library_command("space", "--json")[1])
    assert (document["trash"], document["artifacts"] > 30, run_library_command("space")[0]) == (0, True, 0)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("list", "--sort", "colour"), "There is no such order."),
        (("list", "--limit", "x"), "The option --limit takes a whole number."),
        (("list", "--verdict", "good"), "There is no such verdict."),
        (("alias", "nothing"), "There is no such alias."),
        (("alias", "nothing", "--drop"), "There is no such alias."),
        (("alias", "x y", "a0123456789"), "An alias begins with a letter"),
        (("alias", "champion", "../../x"), "Nothing in the library has this id."),
        (("rename", "a0123456789", "x"), "A copy goes by the name of its run."),
        (("pin", "champion"), "Nothing in the library has this id."),
        (("empty-trash", "--older-than", "soon"), "The option --older-than takes a whole number."),
        (("empty-trash", "--older-than", "3", "--all"), "Either --all or --older-than says what goes"),
    ],
)
def test_library_command_with_invalid_arguments_prints_one_sentence(run_library_command, words, sentence):
    status, out, error = run_library_command(*words)
    assert (status, out, error.startswith(sentence)) == (1, "", True), error
