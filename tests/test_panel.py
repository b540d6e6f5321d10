"""Artifacts that stay loaded answer together as each does alone; one that fails says so, and the others go on."""

import numpy as np
import psutil
import pytest

from core.errors import ChildDied, InputError, NeedsArchitecture
from core.jobs import Jobs
from core.jobs.live_session import LiveSession

FORMATS = ("keras", "saved_model", "litert", "onnx")


@pytest.fixture
def panel(jobs, saved):
    """A panel of a run's live model and four copies of it."""
    ids = [saved("digits-mlp", key)["artifact"] for key in FORMATS]
    one = jobs.create_live_session([jobs.library.artifact(ids[0]).run, *ids])
    yield one
    one.close()


def test_a_row_is_answered_by_the_live_model_and_all_copies_under_the_names_of_the_run(jobs, panel):
    reference = jobs.library.reference(panel.ids[0]).head(3)
    answers = panel.predict(reference.inputs)
    (name,) = reference.predictions
    assert list(answers) == panel.ids
    assert [said.error for said in answers.values()] == [None] * 5
    for said in answers.values():
        assert said.seconds > 0
        np.testing.assert_allclose(said.outputs[name], reference.predictions[name], atol=1e-5)


def test_one_that_does_not_load_says_why_and_the_others_answer(jobs, saved):
    ids = [saved("digits-mlp", key)["artifact"] for key in ("keras", "weights")]
    panel = jobs.create_live_session(ids, {ids[1]: "none"})
    answers = panel.predict(jobs.library.reference(jobs.library.artifact(ids[0]).run).head(1).inputs)
    panel.close()
    assert answers[ids[0]].error is None
    assert isinstance(answers[ids[1]].error, NeedsArchitecture)


def test_one_whose_process_is_killed_says_so_and_the_others_answer(jobs, panel):
    inputs = jobs.library.reference(panel.ids[0]).head(1).inputs
    panel.open()
    psutil.Process(panel._predictors[panel.ids[2]].predictor._child.pid).kill()
    answers = panel.predict(inputs)
    assert isinstance(answers[panel.ids[2]].error, ChildDied)
    assert [answers[id_].error for id_ in panel.ids if id_ != panel.ids[2]] == [None] * 4


def test_inputs_that_do_not_fit_are_a_sentence_for_each_and_end_nobody(jobs, panel):
    wrong = panel.predict({"pixels": np.zeros((1, 5), "float32")})
    assert all(isinstance(said.error, InputError) for said in wrong.values())
    right = panel.predict(jobs.library.reference(panel.ids[0]).head(1).inputs)
    assert [said.error for said in right.values()] == [None] * 5


def test_a_closed_panel_has_no_process_left_and_opens_again_at_the_next_question(jobs, panel):
    inputs = jobs.library.reference(panel.ids[0]).head(1).inputs
    first = panel.predict(inputs)
    pids = [member.predictor._child.pid for member in panel._predictors.values()]
    panel.close()
    psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=5)
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []
    again = panel.predict(inputs)
    for one, other in zip(first.values(), again.values(), strict=True):
        np.testing.assert_array_equal(next(iter(one.outputs.values())), next(iter(other.outputs.values())))


def test_a_panel_that_nobody_asks_closes_by_itself(jobs, saved):
    panel = LiveSession(jobs, [saved("digits-mlp", "keras")["artifact"]], idle_seconds=0.05)
    panel.open()
    panel._timer.join(10)
    assert not panel.is_open


def test_every_copy_answers_in_the_order_of_the_runs_outputs(jobs, trained, saved):
    """A SavedModel lists its outputs by their names."""
    run = trained("two-in-two-out")
    panel = jobs.create_live_session(
        [run, *(saved("two-in-two-out", key)["artifact"] for key in ("saved_model", "onnx", "keras"))]
    )
    reference = jobs.library.reference(run).head(3)
    answers = panel.predict(reference.inputs)
    panel.close()
    for said in answers.values():
        assert list(said.outputs) == list(reference.predictions)
        for name, array in reference.predictions.items():
            np.testing.assert_allclose(said.outputs[name], array, atol=1e-4)


def test_one_whose_process_was_killed_answers_the_next_question(jobs, panel):
    inputs = jobs.library.reference(panel.ids[0]).head(1).inputs
    panel.open()
    psutil.Process(panel._predictors[panel.ids[2]].predictor._child.pid).kill()
    assert isinstance(panel.predict(inputs)[panel.ids[2]].error, ChildDied)
    assert [said.error for said in panel.predict(inputs).values()] == [None] * 5


def test_the_panel_that_was_asked_longest_ago_makes_room_and_answers_again_when_asked(jobs, saved):
    jobs = Jobs(jobs.library, jobs.worker, jobs.config.model_copy(update={"held_children": 3}))
    one, two = (saved("digits-mlp", key)["artifact"] for key in ("keras", "onnx"))
    first, second, third = (
        jobs.create_live_session([one, two]),
        jobs.create_live_session([one]),
        jobs.create_live_session([two]),
    )
    inputs = jobs.library.reference(jobs.library.artifact(one).run).head(1).inputs
    for panel in (first, second, first, third):
        panel.predict(inputs)
    assert [panel.is_open for panel in (first, second, third)] == [True, False, True]
    assert second.predict(inputs)[one].error is None
    assert [panel.is_open for panel in (first, second, third)] == [False, True, True]
    for panel in (second, third):
        panel.close()
