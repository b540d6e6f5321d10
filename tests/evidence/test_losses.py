"""Losses beside a verdict: which are said, which another says already, and the verdict with them in words."""

import pytest

from core.compatibility.columns import COLUMNS, Finding
from core.compatibility.losses import LOSS_LABELS, find_losses, label_with_losses, list_losses, losses_to_json
from core.compatibility.matrix import build_row
from core.library import Library
from tests.factories.library_entries import make_artifact, make_run


def make_cells(*lost: str) -> dict[str, Finding]:
    return {column.key: Finding("lost" if column.key in lost else "kept", f"On {column.key}.") for column in COLUMNS}


@pytest.mark.parametrize(
    ("lost", "needs_architecture", "expected"),
    [
        ((), False, []),
        (("optimizer", "trainable"), False, ["training state lost"]),  # as .h5
        (("optimizer", "compile", "trainable"), False, ["cannot be trained"]),  # as LiteRT
        (("optimizer",), False, ["training state lost"]),
        (("architecture", "code", "compile", "policy"), True, ["architecture lost"]),  # as weights alone
        (
            ("architecture", "optimizer", "vocabulary"),
            True,
            ["architecture lost", "vocabulary lost", "training state lost"],
        ),
        (("architecture", "code"), False, ["architecture lost", "needs the original code"]),
        (("weights", "optimizer"), False, ["weights lost", "training state lost"]),
        (("masks", "batch", "state"), False, ["masks lost", "fixed batch size", "memory between calls lost"]),
    ],
)
def test_list_losses_says_each_loss_once(lost, needs_architecture, expected):
    losses = list_losses(make_cells(*lost), needs_architecture)
    assert [loss.label for loss in losses] == expected
    assert all(loss.words == f"On {loss.finding}." and loss.finding in lost for loss in losses)


def test_every_loss_is_a_column_of_the_matrix():
    assert set(LOSS_LABELS) <= {column.key for column in COLUMNS}


def test_label_with_losses_puts_them_after_the_verdict():
    losses = list_losses(make_cells("optimizer", "vocabulary"))
    assert label_with_losses("Bit-identical", losses) == "Bit-identical · vocabulary lost · training state lost"
    assert label_with_losses("Bit-identical", []) == "Bit-identical"
    assert losses_to_json(losses)[1] == {
        "finding": "optimizer",
        "label": "training state lost",
        "words": "On optimizer.",
    }


@pytest.mark.parametrize(("format_key", "expected"), [("h5", ["training state lost"]), ("keras", [])])
def test_find_losses_of_a_saved_copy_are_its_lost_findings(jobs, saved, format_key, expected):
    artifact = jobs.library.artifact(saved("digits-mlp", format_key)["artifact"])
    losses = find_losses(jobs.library, artifact.id)
    assert [loss.label for loss in losses] == expected
    cells = build_row(
        jobs.library.run(artifact.run), artifact.format, artifact.id, jobs.library.evidence(artifact.id)
    ).cells
    assert all(cells[loss.finding] == ("lost", loss.words) for loss in losses)


def test_find_losses_of_what_is_not_there_are_none(empty_library: Library):
    assert find_losses(empty_library, "a0123456789") == []


def test_find_losses_follow_evidence_that_is_written_again(empty_library: Library):
    run = make_run(empty_library, traits={"architecture": {"class_name": "Sequential"}})
    artifact = make_artifact(empty_library, run, "weights")
    assert [loss.label for loss in find_losses(empty_library, artifact.id)] == ["architecture lost"]
    path = empty_library.folder(artifact.id) / "evidence.json"
    path.write_text(path.read_text().replace('"bit-identical"', '"does-not-load"'))
    assert find_losses(empty_library, artifact.id) == []
