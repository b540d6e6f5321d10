"""The commands over what is kept, on a library that was made by hand."""

import json

import pytest

from tests.conftest import command
from tests.library.conftest import keep_artifact


@pytest.fixture
def say_here(empty_library, monkeypatch):
    """A function that runs a command over the test's own library; gives (status, output, errors)."""
    monkeypatch.setattr("core.cli.console.Library", lambda: empty_library)
    return command


def found(say_here, *words: str) -> list[str]:
    status, out, _ = say_here("list", *words, "--json")
    assert status == 0
    return [row["artifact"] for row in json.loads(out)]


def test_a_list_is_filtered_sorted_and_cut_into_pages(say_here, empty_library, run):
    kept = [
        keep_artifact(empty_library, run, key, b"x" * size).id for key, size in (("keras", 9), ("h5", 1), ("h5", 5))
    ]
    assert found(say_here, "--format", "h5", "--sort", "bytes") == [kept[2], kept[1]]
    assert found(say_here, "--sort", "bytes", "--ascending", "--limit", "1", "--page", "2") == [kept[2]]
    assert found(say_here, "--verdict", "does-not-load") == []
    assert say_here("tag", kept[0], kept[1], "--tag", "Prod")[0] == 0
    assert say_here("pin", kept[1])[0] == 0
    assert sorted(found(say_here, "--tag", "prod")) == sorted(kept[:2])
    assert found(say_here, "--tag", "prod", "--pinned") == [kept[1]]
    assert found(say_here, "--run", run.id, "--not-pinned", "--tag", "prod") == [kept[0]]
    assert say_here("untag", kept[0], "--tag", "prod")[0] == 0
    assert found(say_here, "--tag", "prod") == [kept[1]]
    sha = empty_library.artifact(kept[0]).files[0].sha256
    assert found(say_here, sha[:12]) == [kept[0]]


def test_an_alias_stands_for_its_id_in_every_command(say_here, empty_library, run, artifact):
    status, out, _ = say_here("alias", "champion", artifact.id, "--json")
    assert (status, json.loads(out)) == (0, [{"alias": "champion", "artifact": artifact.id, "before": None}])
    assert json.loads(say_here("show", "champion", "--json")[1])["marks"]["aliases"] == ["champion"]
    assert say_here("note", "champion", "the one")[0] == 0
    assert empty_library.annotations(artifact.id).note == "the one"
    assert say_here("verify", "champion")[0] == 0
    assert json.loads(say_here("lineage", "champion", "--json")[1])["origin"]["run"] == run.id
    other = keep_artifact(empty_library, run)
    assert json.loads(say_here("alias", "runner-up", "champion", "--json")[1])[0]["artifact"] == artifact.id
    assert json.loads(say_here("alias", "champion", other.id, "--json")[1])[0]["before"] == artifact.id
    status, _, error = say_here("remove", "champion")
    assert (status, error.startswith("The alias 'champion' points to it, so it is not removed.")) == (1, True)
    assert say_here("alias", "champion", "--drop")[0] == 0
    assert [row["alias"] for row in json.loads(say_here("alias", "--json")[1])] == ["runner-up"]


def test_a_run_is_renamed_and_its_line_says_so(say_here, artifact, run):
    assert say_here("rename", run.id, "The good one")[0] == 0
    assert json.loads(say_here("list", "--json")[1])[0]["run_name"] == "The good one"
    assert json.loads(say_here("list", "--runs", "--json")[1])[0]["name"] == "The good one"
    assert "The good one" in say_here("lineage", artifact.id)[1]


def test_the_trash_is_emptied_by_age_and_all_of_it(say_here, empty_library, run):
    kept = [keep_artifact(empty_library, run).id for _ in range(2)]
    assert say_here("remove", *kept)[0] == 0
    assert json.loads(say_here("empty-trash", "--json")[1]) == []
    assert sorted(row["artifact"] for row in json.loads(say_here("list", "--trash", "--json")[1])) == sorted(kept)
    assert say_here("restore", kept[0])[0] == 0
    assert json.loads(say_here("empty-trash", "--all", "--json")[1]) == [{"deleted": kept[1]}]
    told = json.loads(say_here("space", "--json")[1])
    assert (told["trash"], told["artifacts"] > 30, say_here("space")[0]) == (0, True, 0)


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
def test_what_does_not_fit_is_one_sentence(say_here, words, sentence):
    status, out, error = say_here(*words)
    assert (status, out, error.startswith(sentence)) == (1, "", True), error
