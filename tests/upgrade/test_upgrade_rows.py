"""Rows of an upgrade: what they mean for a pipeline, why a model stops, and what is asked once only."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.compare import Verdict
from core.environments import get_environment
from core.environments.judge import LOCK_CHANGED, ElsewhereOutcome, describe_lock, judge_kit
from core.environments.kits import Kit
from core.environments.own import PACKAGES, find_own, list_with_required, own_environment
from core.environments.replies import KitReply
from core.errors import ChildDied, InputError, LibraryError, UnknownName, WorkerError
from core.jobs.upgrades.bisect import build_line
from core.settings import Settings
from core.upgrade.causes import describe_cause
from core.upgrade.row_store import ROW_FILE, RowStore
from core.upgrade.rows import Cure, Status, UpgradeRow, exit_status, status_of, summarize_upgrade
from core.upgrade.sides import get_side, keras_release, list_sides, release_line, require_sides

DENSE = {
    "module": "keras.layers",
    "class_name": "Dense",
    "config": {"name": "scores", "units": 2, "quantization_config": None},
}


def make_outcome(verdict: Verdict = Verdict.DOES_NOT_LOAD, **more: object) -> ElsewhereOutcome:
    return ElsewhereOutcome(environment="keras-3.3", verdict=verdict, **more)  # type: ignore[arg-type]


def make_row(status: Status = Status.ALIKE, **more: object) -> UpgradeRow:
    return UpgradeRow(**{"name": "a.keras", "status": status, "sha256": "0" * 64, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ([], 0),
        (["alike", "alike"], 0),
        (["alike", "changed"], 3),
        (["changed", "does-not-load", "not-verified"], 4),
        (["alike", "not-loaded-before"], 5),
        (["not-a-model"], 5),
        (["refused", "changed"], 3),
    ],
)
def test_exit_status_is_of_the_worst_row(statuses: list[str], status: int):
    assert exit_status([make_row(Status(each)) for each in statuses]) == status


def test_stated_difference_counts_as_none_up_to_its_size():
    outcome = make_outcome(Verdict.SOME_CHANGED, max_abs=0.01, changed_rows=1, rows=4)
    row = make_row(Status.CHANGED, outcome=outcome)
    assert [exit_status([row], tolerance) for tolerance in (None, 0.009, 0.01)] == [3, 3, 0]


def test_answers_that_became_nan_are_within_no_tolerance():
    expected, given = {"y": np.array([[1.0], [2.0]])}, {"y": np.array([[1.0], [np.nan]])}
    kit = Kit("0", "onnx", expected, write=lambda folder: None, bytes=0, is_untrusted=False)
    answers = SimpleNamespace(ask=lambda *asked: KitReply(given, None))
    outcome = judge_kit(answers, get_side("keras-3.3"), None, kit)  # type: ignore[arg-type]
    row = make_row(status_of(outcome), outcome=outcome)
    assert (row.status, outcome.mismatched, exit_status([row], 1.0)) == (Status.CHANGED, 1, 3)
    assert outcome.cause == "1 value became NaN or infinite, or did before and no longer."


@pytest.mark.parametrize("error", [ChildDied("It ended."), WorkerError("Its reply makes no sense.")])
def test_process_that_fails_tells_nothing_for_good(error: WorkerError):
    outcome = make_outcome(error=error.to_json())
    assert status_of(outcome) is Status.NOT_VERIFIED
    assert not make_row(status_of(outcome), outcome=outcome).is_final


def test_every_verdict_has_its_status():
    assert {verdict: status_of(make_outcome(verdict)) for verdict in Verdict if verdict is not Verdict.NOT_RUN} == {
        Verdict.BIT_IDENTICAL: Status.ALIKE,
        Verdict.ROUNDING: Status.ALIKE,
        Verdict.SAME_ANSWERS: Status.ALIKE,
        Verdict.SOME_CHANGED: Status.CHANGED,
        Verdict.DIFFERENT: Status.CHANGED,
        Verdict.NOT_COMPARABLE: Status.NOT_COMPARABLE,
        Verdict.DOES_NOT_LOAD: Status.DOES_NOT_LOAD,
        Verdict.NOT_VERIFIED: Status.NOT_VERIFIED,
    }


def test_summary_counts_what_became_of_models():
    cured = make_row(Status.DOES_NOT_LOAD, cures=[Cure(kind="compile-false", sentence="x", is_proven=True)])
    text = summarize_upgrade([make_row(), make_row(Status.DOES_NOT_LOAD), cured])
    assert text == "1 of 3 models answer the same. Does not load: 2. Cured and proven: 1 of those that do not load."


def test_cause_names_argument_release_and_layer():
    cause = describe_cause(get_side("keras-3.3"), make_outcome(), json.dumps(DENSE))
    assert cause == "Keras 3.3 does not know Dense(quantization_config=None) (since Keras 3.13, in “scores”)."
    assert describe_cause(get_side("keras-3.12"), make_outcome(Verdict.BIT_IDENTICAL), json.dumps(DENSE)) == ""


def test_row_is_found_again_by_files_and_environments(tmp_path: Path):
    sides = get_side("here"), get_side("keras-3.3")
    cured = tmp_path / "cured.keras"
    cured.write_bytes(b"cured")
    cure = Cure(kind="rewritten-config", sentence="x", is_proven=True, file="for-keras-3.3.keras")
    store, row = RowStore(tmp_path, *sides), make_row(Status.DOES_NOT_LOAD, cures=[cure])
    store.add(row, cured)
    found = store.find("b.keras", row.sha256)
    assert (found.name, found.is_reused, found.cures) == ("b.keras", True, [cure])
    assert store.cured_file(found).read_bytes() == b"cured"
    assert store.find("b.keras", "1" * 64) is None
    assert RowStore(tmp_path, *reversed(sides)).find("b.keras", row.sha256) is None
    (next(store.folder.iterdir()) / ROW_FILE).write_text("{")
    assert store.find("b.keras", row.sha256) is None


def test_rows_are_bounded_by_bytes_and_leave_nothing_in_staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store, cured = RowStore(tmp_path, get_side("here"), get_side("keras-3.3")), tmp_path / "cured.keras"
    cured.write_bytes(bytes(3_000))
    cure = Cure(kind="rewritten-config", sentence="x", is_proven=True, file="for-keras-3.3.keras")
    monkeypatch.setattr("core.upgrade.row_store.MAX_BYTES", 8_000)
    for at in range(4):
        row = make_row(Status.DOES_NOT_LOAD, cures=[cure], sha256=f"{at}" * 64)
        store.add(row, cured)
        os.utime(store.cured_file(row).parent, (at, at))
    assert [at for at in range(4) if store.find("a", f"{at}" * 64)] == [2, 3]
    with pytest.raises(LibraryError):
        store.add(row, tmp_path / "nowhere")
    assert list((tmp_path / "staging").iterdir()) == []


def test_packages_of_our_own_name_their_folder(monkeypatch: pytest.MonkeyPatch):
    before = own_environment().folder_name
    monkeypatch.setattr("core.environments.own._installed", lambda: ("another-1.0.dist-info",))
    assert own_environment().folder_name != before


def test_answers_of_our_own_packages_say_that_these_have_changed(monkeypatch: pytest.MonkeyPatch):
    outcome = ElsewhereOutcome(environment="here@sse41", verdict="rounding", lock=own_environment().lock_sha256)
    assert outcome.lock_note == ""
    monkeypatch.setattr("core.environments.own._installed", lambda: ("another-1.0.dist-info",))
    assert outcome.lock_note == ""  # which has no part in an answer
    monkeypatch.setattr("core.environments.own.list_with_required", lambda names: {"keras": "3.16.0"})
    assert outcome.lock_note == LOCK_CHANGED.format(outcome.lock[:12])


def test_own_packages_are_those_that_answer_with_what_they_require():
    versions = list_with_required(PACKAGES)
    assert {"keras", "numpy", "onnxruntime", "ml-dtypes"} <= versions.keys()
    assert versions["numpy"] == np.__version__
    assert not {"streamlit", "pytest"} & versions.keys()


@pytest.mark.parametrize("key", ["tract@sse41", "here", "here@sse41", "a-worker", "no-more"])
def test_packages_are_said_once_and_what_their_digits_are(key: str):
    locks = {environment.key: environment.lock_sha256 for environment in (get_environment("tract"), own_environment())}
    if current := locks.get(key.partition("@")[0]):
        listed = f"list {current[:12]} (the start of the hash of their names and versions)"
        assert describe_lock(key, current) == f"Its packages: {listed}."
        assert describe_lock(key, 64 * "a") == LOCK_CHANGED.format(12 * "a")
    else:
        assert describe_lock(key, 64 * "a").startswith("Its packages: list aaaaaaaaaaaa (")
    assert describe_lock(key, "") == ""


def test_record_of_our_own_packages_is_written_once(tmp_path: Path):
    config = Settings(home=tmp_path)
    with ThreadPoolExecutor(4) as pool:
        (folder,) = {built.folder for built in pool.map(find_own, [config] * 16)}
    record = folder / "built.json"
    os.utime(record, (1, 1))
    find_own(config)
    assert record.stat().st_mtime == 1
    assert sorted(path.name for path in folder.iterdir()) == ["built.json", "venv"]


def test_releases_stand_in_their_order():
    releases = [keras_release(side) for side in release_line()]
    assert releases == sorted(releases)
    assert releases[0] == (2, 15)
    assert release_line()[-1].key == "here"
    assert [side.key for side in build_line("keras-3.3", "keras-3.9")] == ["keras-3.3", "keras-3.6", "keras-3.9"]
    assert [side.key for side in build_line("keras-3.6", "keras-3.3")] == ["keras-3.6", "keras-3.3"]


def test_named_environment_stands_for_its_release(monkeypatch: pytest.MonkeyPatch):
    ours = get_side("here")
    twin = replace(get_side("keras-3.12"), key="twin", requirements=ours.requirements)
    sides = [*list_sides(), twin]
    monkeypatch.setattr("core.upgrade.sides.list_sides", lambda: sides)
    assert [build_line("keras-3.12", key)[-1].key for key in ("here", "twin")] == ["here", "twin"]
    with pytest.raises(InputError, match="no two releases"):
        build_line("here", "twin")


@pytest.mark.parametrize(
    ("source", "target", "sentence"),
    [
        ("here", "here", "An upgrade has two sides"),
        ("tract", "here", "This engine cannot tell what a model takes"),
        ("onnxruntime-1.20", "keras-3.3", "These two open no format in common"),
    ],
)
def test_impossible_pair_of_environments_is_refused(source: str, target: str, sentence: str):
    with pytest.raises(InputError, match=sentence):
        require_sides(source, target)


def test_search_between_other_engines_is_refused():
    with pytest.raises(InputError, match="no release of Keras under TensorFlow"):
        build_line("here", "tract")
    with pytest.raises(UnknownName):
        build_line("here", "nowhere")
