"""What cannot go wrong here, because of how things are built: each way that would lead there is tried."""

import ast
import gc
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from core.compare import Verdict
from core.errors import CannotSave, Damaged
from core.formats import get_format
from core.library import Library
from core.reload import reload_in_child
from core.settings import PROJECT, Settings
from tests.factories.keras_models import ROWS, build_dense_model, build_unserializable_model
from tests.helpers import list_staged


def test_p06_a_save_that_fails_leaves_the_earlier_copy_as_it_was(jobs, add):
    good = add(build_dense_model(), ["keras"])["keras"].artifact
    before = (jobs.library.verified_folder(good.id) / "model.keras").read_bytes()
    with pytest.raises(CannotSave):
        add(build_unserializable_model(), ["keras"])
    assert (jobs.library.verified_folder(good.id) / "model.keras").read_bytes() == before
    assert list_staged(jobs.library.home) == []


KILLED_SAVE_SCRIPT = """
import sys
from core.formats import get_format
from core.library import Library
from tests.factories.keras_models import build_dense_model

with Library(sys.argv[1]).staging() as staged:
    (staged / "files").mkdir()
    get_format("keras").save_model(build_dense_model(), "keras", staged / "files")
    with (staged / "files" / "model.keras").open("r+b") as file:
        file.truncate(1000)
        print("half written", flush=True)
        sys.stdin.read()
"""


@pytest.mark.long
def test_p06_killed_save_leaves_earlier_artifact_unchanged(empty_jobs):
    library = empty_jobs.library
    (good,) = library.add(build_dense_model(), inputs=ROWS, formats=["keras"], worker=empty_jobs.worker)
    command = [sys.executable, "-c", KILLED_SAVE_SCRIPT, str(library.home)]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as saving:
        assert saving.stdout.readline() == b"half written\n"
        saving.send_signal(signal.SIGKILL)
    again = Library(library.home)
    assert [entry.id for entry in again.find()] == [good.artifact.id]
    again.verify(good.artifact.id)
    assert list((again.home / "staging").iterdir()) == []


def test_p06_truncated_file_is_reported_as_truncated(jobs, add, compare_artifact):
    artifact = add(build_dense_model(), ["keras"])["keras"].artifact
    path = jobs.library.verified_folder(artifact.id) / "model.keras"
    whole = path.stat().st_size
    os.truncate(path, whole // 2)
    sentence = f"The file model.keras has {whole // 2:,} bytes instead of {whole:,}."
    with pytest.raises(Damaged) as caught:
        jobs.library.verify(artifact.id)
    assert caught.value.sentence == sentence
    assert compare_artifact(artifact.id).error["sentence"] == sentence


def test_p18_a_predictor_keeps_its_saved_model_alive(jobs, add):
    added = add(build_dense_model(), ["saved_model"])["saved_model"].artifact
    predict = get_format("saved_model").load(jobs.library.verified_folder(added.id)).predict
    gc.collect()
    answers = predict({"x": ROWS})
    reference = jobs.library.reference(added.run)
    np.testing.assert_array_equal(*(next(iter(item.values())) for item in (answers, reference.predictions)))


def test_p18_loader_returns_trackable_root_object(jobs, add):
    import tensorflow as tf

    added = add(build_dense_model(), ["saved_model", "keras_export"])
    for key, item in added.items():
        model = get_format(key).load(jobs.library.verified_folder(item.artifact.id)).model
        assert isinstance(model, tf.__internal__.tracking.AutoTrackable)


def test_p26_two_saves_are_two_copies_and_nothing_is_overwritten(jobs, add):
    model = build_dense_model()
    first, second = (add(model, ["keras"])["keras"].artifact.id for _ in range(2))
    assert first != second
    for id_ in (first, second):
        jobs.library.verify(id_)


def test_p26_a_name_is_text_and_never_a_path(jobs):
    library = jobs.library
    (added,) = library.add(build_dense_model(), ROWS, ["keras"], name="../../etc/~/model.keras", worker=jobs.worker)
    assert library.run(added.artifact.run).name == "../../etc/~/model.keras"
    assert library.verified_folder(added.artifact.id).parent.parent == library.home / "artifacts"


def test_p26_the_file_of_weights_holds_weights_alone(jobs, add):
    import h5py

    artifact = add(build_dense_model(), ["weights"])["weights"].artifact
    with h5py.File(jobs.library.verified_folder(artifact.id) / "model.weights.h5") as file:
        assert "model_config" not in file.attrs
        assert "layers" in file


def test_p26_tilde_in_home_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ROUNDTRIP_HOME", "~/kept")
    assert Settings().home == tmp_path / "kept"
    assert Library("~/kept").home == tmp_path / "kept"
    assert (tmp_path / "kept" / "artifacts").is_dir()


def test_p27_class_given_to_one_reload_is_unknown_to_the_next(jobs, trained, saved):
    artifact, run = saved("digits-custom", "keras")["artifact"], jobs.library.run(trained("digits-custom"))
    request = jobs.library.verified_folder(artifact), jobs.library.original(run), jobs.library.reference(run.id)
    for _ in range(3):
        with_code, without = (_reload(jobs, source, *request) for source in (run.code_source, None))
        assert with_code.verdict is Verdict.BIT_IDENTICAL
        assert without.error["sentence"] == "This process does not know the custom class 'Scale'."


def _reload(jobs, source, folder, original, reference):
    """Through the worker itself: a comparison that was asked before would be known, and not be done again."""
    return reload_in_child(jobs.worker, "keras", folder, source, original, reference, rows=64, seconds=60).outcome


def test_p27_no_page_defines_or_registers_a_class_of_keras():
    for path in [*PROJECT.glob("pages/*.py"), *PROJECT.glob("ui/*.py")]:
        names = {node.attr for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute)}
        assert not names & {"register_keras_serializable", "Layer", "load_model", "get_custom_objects"}, path.name


def test_p27_reload_records_load_and_first_prediction_time(saved, jobs):
    outcome = jobs.library.evidence(saved("digits-mlp", "keras")["artifact"]).best
    assert 0 < outcome.load_seconds < 60
    assert 0 < outcome.first_seconds < 60
