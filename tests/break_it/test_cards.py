"""Every card of the bench, over the registry: its lever breaks a model as it claims, and its cure brings it back."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.break_it import CARDS, MODULES, get_card
from core.compare import Verdict
from core.errors import DoesNotLoad, InputError, UnknownName
from core.jobs import Jobs
from core.jobs.break_it import TrialResult
from core.library import Library
from core.library.permissions import Viewer
from core.runtimes.reference import Reference
from core.settings import PROJECT
from tests.helpers import wait_until_done

# What the library raises, and how the line that names the cause begins.
EXPECTED_ERRORS = {
    "lose-the-class": ("TypeError", "Could not locate class 'Scale'."),
    "lose-the-architecture": ("ValueError", "No model config found in the file at model.weights.h5."),
    "forget-the-vocabulary": ("FailedPreconditionError", "Table not initialized."),
    "cut-the-file": ("ValueError", "File not found: filepath=copy.keras."),
    "load-saved-model-with-keras": ("ValueError", "File format not supported: filepath=saved_model."),
    "train-on-from-h5": ("ValueError", "Unknown variable: <Variable path=sequential/dense/kernel"),
}
# The least number of 270 test examples that get another answer.
EXPECTED_CHANGES = {
    "lose-the-weights": 200,
    "flip-one-bit": 200,
    "rename-a-layer": 135,
    "leave-the-augmentation-awake": 20,
    "restore-under-another-name": 200,
    "swap-two-inputs": 200,
}
PAGE = (PROJECT / "docs" / "break_it.md").read_text(encoding="utf-8")
LOUD, SILENT = ([card for card in CARDS if card.is_silent is is_silent] for is_silent in (False, True))
key_of = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.key)


@pytest.fixture(scope="module")
def pulled(jobs: Jobs, bench_models: None) -> Callable[[str], TrialResult]:
    """A function that gives what came of a card's lever, pulled once."""
    return lambda key: wait_until_done(jobs, jobs.pull_lever(key)).result


def test_expectations_name_every_card():
    assert sorted([*EXPECTED_ERRORS, *EXPECTED_CHANGES]) == sorted(card.key for card in CARDS)
    assert [card.key.replace("-", "_") for card in CARDS] == list(MODULES)
    assert {card.key for card in SILENT} == EXPECTED_CHANGES.keys()
    assert len({(card.demo.key, card.settings) for card in CARDS}) == len({card.demo.key for card in CARDS})


def test_docs_name_every_card_with_its_report():
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in PAGE.splitlines() if line.startswith("| ")}
    for card in CARDS:
        repository, _, number = card.report.partition("#")
        link = f"[{card.report}](https://github.com/{repository}/issues/{number})" if card.report else "–"
        assert rows[card.title].endswith(f"| {link} |"), card.key


@pytest.mark.parametrize("card", LOUD, ids=lambda card: card.key)
def test_lever_of_loud_card_raises_error_with_its_cause_first(card, pulled):
    result = pulled(card.key)
    kind, cause = EXPECTED_ERRORS[card.key]
    assert result["error"]["kind"] == kind
    assert result["error"]["cause"].startswith(cause)
    assert cause in result["error"]["text"]
    assert 'File "/' not in result["error"]["text"]
    assert (result["verdict"], result["example"]["answer"]) == (None, None)


@pytest.mark.parametrize("card", SILENT, ids=lambda card: card.key)
def test_lever_of_silent_card_changes_answers_without_a_word(card, pulled):
    result = pulled(card.key)
    assert (result["error"], result["messages"]) == (None, [])
    assert Verdict(result["verdict"]) in {Verdict.SOME_CHANGED, Verdict.DIFFERENT}
    assert result["changed"] >= EXPECTED_CHANGES[card.key]
    assert result["rows"] == 270
    assert result["example"]["answer"] != result["example"]["right"]


@key_of
def test_cure_brings_back_the_model_that_was_saved(card, jobs: Jobs, pulled):
    pulled(card.key)
    result = wait_until_done(jobs, jobs.cure(card.key)).result
    assert (result["error"], result["verdict"], result["changed"]) == (None, "bit-identical", 0)
    assert result["example"]["answer"] == result["example"]["right"]
    assert result["repeats"]


def test_augmentation_that_is_awake_answers_otherwise_when_asked_again(pulled):
    assert pulled("leave-the-augmentation-awake")["repeats"] is False
    assert pulled("lose-the-weights")["repeats"] is True


def test_flipped_file_differs_from_saved_one_by_a_single_bit(jobs: Jobs, pulled):
    pulled("flip-one-bit")
    files = jobs.job_store.folder(jobs.find_trials("flip-one-bit")[0].id) / "files"
    sides = [(files / name).read_bytes() for name in ("model.weights.h5", "damaged.weights.h5")]
    changed = [left ^ right for left, right in zip(*sides, strict=True) if left != right]
    assert [byte.bit_count() for byte in changed] == [1]


def hash_tree(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@key_of
def test_lever_and_cure_leave_saved_files_as_they_are(card, jobs: Jobs, pulled):
    pulled(card.key)
    wait_until_done(jobs, jobs.cure(card.key))
    lever, _ = jobs.find_trials(card.key)
    saved = next((jobs.config.home / "cache" / "break-it").glob(f"{card.demo.key}-*")) / card.key / "files"
    used = hash_tree(jobs.job_store.folder(lever.id) / "files")
    assert hash_tree(saved).items() <= used.items()


def test_levers_and_cures_touch_nothing_in_the_library(jobs: Jobs, pulled, saved):
    saved("digits-mlp", "keras")
    folders = [jobs.library.home / name for name in ("runs", "artifacts", "trash")]
    before = [hash_tree(folder) for folder in folders]
    entries = [entry.id for entry in jobs.library.find()]
    wait_until_done(jobs, jobs.pull_lever("cut-the-file", again=True))
    wait_until_done(jobs, jobs.cure("cut-the-file"))
    assert [hash_tree(folder) for folder in folders] == before
    assert [entry.id for entry in jobs.library.find()] == entries


def test_lever_stays_pulled_until_it_is_pulled_again(jobs: Jobs, pulled):
    pulled("lose-the-class")
    cured = wait_until_done(jobs, jobs.cure("lose-the-class"))
    first, _ = jobs.find_trials("lose-the-class")
    assert jobs.pull_lever("lose-the-class").created == first.created
    assert jobs.cure("lose-the-class").created == cured.created
    again = wait_until_done(jobs, jobs.pull_lever("lose-the-class", again=True))
    assert (again.id, again.created > first.created) == (first.id, True)
    assert jobs.find_trials("lose-the-class")[1] is None


def test_what_a_user_pulled_is_seen_by_that_user_alone(jobs: Jobs, pulled):
    pulled("lose-the-class")
    assert jobs.for_viewer(Viewer("p0")).find_trials("lose-the-class") == (None, None)


def test_cure_before_lever_is_refused_in_a_sentence(empty_jobs: Jobs):
    end = empty_jobs.wait(empty_jobs.cure("lose-the-class").id)
    assert (end.state, end.error["code"]) == ("failed", InputError.code)
    assert end.error["sentence"] == "The files that the lever broke are gone."


def test_cure_whose_files_are_gone_fails_until_lever_is_pulled_again(jobs: Jobs, bench_models):
    lever = wait_until_done(jobs, jobs.pull_lever("lose-the-class", again=True))
    shutil.rmtree(jobs.job_store.folder(lever.id) / "files")
    end = jobs.wait(jobs.cure("lose-the-class").id)
    assert (end.state, end.error["code"]) == ("failed", DoesNotLoad.code)
    assert end.error["sentence"] == "The cure raised an error."
    assert end.error["cure"] == "Pull the lever again, then cure it."
    wait_until_done(jobs, jobs.pull_lever("lose-the-class", again=True))
    assert wait_until_done(jobs, jobs.cure("lose-the-class")).result["verdict"] == "bit-identical"


def test_cure_with_other_answers_than_saved_model_fails(jobs: Jobs, bench_models):
    lever = wait_until_done(jobs, jobs.pull_lever("lose-the-class", again=True))
    path = jobs.job_store.folder(lever.id) / "reference.npz"
    reference = Reference.read(path)
    turned = {name: np.roll(array, 1, axis=1) for name, array in reference.predictions.items()}
    reference._replace(predictions=turned).write(path)
    end = jobs.wait(jobs.cure("lose-the-class").id)
    assert (end.state, end.error["code"]) == ("failed", DoesNotLoad.code)
    assert end.error["sentence"] == "What the cure loaded does not answer as the saved model."
    assert end.error["received"] == "Different answers: 270 of 270 rows"
    wait_until_done(jobs, jobs.pull_lever("lose-the-class", again=True))


def test_documented_cards_are_those_of_the_registry():
    text = (PROJECT / "docs" / "break_it.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    documented = [(title, end) for title, _, end, *_ in rows]
    assert documented == [(card.title, "silent" if card.is_silent else "error") for card in CARDS]


def test_unknown_card_names_those_that_exist(empty_library: Library):
    with pytest.raises(
        UnknownName, match=r"There is no such card\. Received: lose-the-keys\. .*Choose from lose-the-class,"
    ):
        get_card("lose-the-keys")
