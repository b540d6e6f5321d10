"""Artifacts that stay loaded answer together as each does alone; one that fails says so, and the others go on."""

import numpy as np
import psutil
import pytest

from core.errors import ChildDied, InputError, NeedsArchitecture
from core.jobs import Jobs
from core.jobs.live_session import LiveSession

FORMATS = ("keras", "saved_model", "litert", "onnx")


@pytest.fixture
def live_session(jobs, saved):
    """A panel of a run's live model and four copies of it."""
    ids = [saved("digits-mlp", key)["artifact"] for key in FORMATS]
    item = jobs.create_live_session([jobs.library.artifact(ids[0]).run, *ids])
    yield item
    item.close()


def test_live_session_predictions_use_output_names_of_the_run(jobs, live_session):
    reference = jobs.library.reference(live_session.ids[0]).head(3)
    answers = live_session.predict(reference.inputs)
    (name,) = reference.predictions
    assert list(answers) == live_session.ids
    assert [text.error for text in answers.values()] == [None] * 5
    for answer in answers.values():
        assert answer.seconds > 0
        np.testing.assert_allclose(answer.outputs[name], reference.predictions[name], atol=1e-5)


def test_live_session_unloadable_artifact_does_not_stop_others(jobs, saved):
    ids = [saved("digits-mlp", key)["artifact"] for key in ("keras", "weights")]
    panel = jobs.create_live_session(ids, {ids[1]: "none"})
    answers = panel.predict(jobs.library.reference(jobs.library.artifact(ids[0]).run).head(1).inputs)
    panel.close()
    assert answers[ids[0]].error is None
    assert isinstance(answers[ids[1]].error, NeedsArchitecture)


def test_live_session_killed_child_does_not_stop_others(jobs, live_session):
    inputs = jobs.library.reference(live_session.ids[0]).head(1).inputs
    live_session.load()
    psutil.Process(live_session._predictors[live_session.ids[2]].predictor._child.pid).kill()
    answers = live_session.predict(inputs)
    assert isinstance(answers[live_session.ids[2]].error, ChildDied)
    assert [answers[id_].error for id_ in live_session.ids if id_ != live_session.ids[2]] == [None] * 4


def test_live_session_invalid_inputs_fail_without_ending_children(jobs, live_session):
    wrong = live_session.predict({"pixels": np.zeros((1, 5), "float32")})
    assert all(isinstance(text.error, InputError) for text in wrong.values())
    right = live_session.predict(jobs.library.reference(live_session.ids[0]).head(1).inputs)
    assert [text.error for text in right.values()] == [None] * 5


def test_live_session_asked_for_one_copy_loads_no_other(jobs, live_session):
    reference, asked = jobs.library.reference(live_session.ids[0]).head(1), live_session.ids[3]
    assert live_session.own_output_names(asked) == {}
    assert list(live_session.predict(reference.inputs, [asked])) == [asked]
    assert [live_session.has_loaded(id_) for id_ in live_session.ids] == [id_ == asked for id_ in live_session.ids]
    assert not live_session.is_loaded
    assert list(live_session.own_output_names(asked)) == list(reference.predictions)


def test_live_session_closed_ends_children_and_reopens_on_predict(jobs, live_session):
    inputs = jobs.library.reference(live_session.ids[0]).head(1).inputs
    first = live_session.predict(inputs)
    pids = [member.predictor._child.pid for member in live_session._predictors.values()]
    live_session.close()
    psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=5)
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []
    again = live_session.predict(inputs)
    for item, other in zip(first.values(), again.values(), strict=True):
        np.testing.assert_array_equal(next(iter(item.outputs.values())), next(iter(other.outputs.values())))


def test_live_session_closes_after_idle_time(jobs, saved):
    panel = LiveSession(jobs, [saved("digits-mlp", "keras")["artifact"]], idle_seconds=0.05)
    panel.load()
    panel._timer.join(10)
    assert not panel.is_loaded


def test_live_session_outputs_follow_order_of_the_run(jobs, trained, saved):
    """A SavedModel lists its outputs by their names."""
    run = trained("two-in-two-out")
    panel = jobs.create_live_session(
        [run, *(saved("two-in-two-out", key)["artifact"] for key in ("saved_model", "onnx", "keras"))]
    )
    reference = jobs.library.reference(run).head(3)
    answers = panel.predict(reference.inputs)
    panel.close()
    for answer in answers.values():
        assert list(answer.outputs) == list(reference.predictions)
        for name, array in reference.predictions.items():
            np.testing.assert_allclose(answer.outputs[name], array, atol=1e-4)


def test_live_session_killed_child_recovers_on_next_predict(jobs, live_session):
    inputs = jobs.library.reference(live_session.ids[0]).head(1).inputs
    live_session.load()
    psutil.Process(live_session._predictors[live_session.ids[2]].predictor._child.pid).kill()
    assert isinstance(live_session.predict(inputs)[live_session.ids[2]].error, ChildDied)
    assert [text.error for text in live_session.predict(inputs).values()] == [None] * 5


def test_live_session_least_recently_used_is_closed_at_limit(jobs, saved):
    jobs = Jobs(jobs.library, jobs.worker, jobs.config.model_copy(update={"held_children": 3}))
    item, two = (saved("digits-mlp", key)["artifact"] for key in ("keras", "onnx"))
    first, second, third = (
        jobs.create_live_session([item, two]),
        jobs.create_live_session([item]),
        jobs.create_live_session([two]),
    )
    inputs = jobs.library.reference(jobs.library.artifact(item).run).head(1).inputs
    for panel in (first, second, first, third):
        panel.predict(inputs)
    assert [panel.is_loaded for panel in (first, second, third)] == [True, False, True]
    assert second.predict(inputs)[item].error is None
    assert [panel.is_loaded for panel in (first, second, third)] == [False, True, True]
    for panel in (second, third):
        panel.close()
