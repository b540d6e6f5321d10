"""The judge of continuations by itself: where two courses part, and the sentence that says so."""

from typing import Any

import numpy as np
import pytest

from core.evidence.fingerprint_matching import OriginalFingerprint
from core.jobs.resume_result import ResumeVerdict, compare_with_live, measure_loss_gap
from core.worker.tasks.resume import optimizer_variable_role


def make_tensor(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "dtype": "float32", "shape": [2], "sha256": text}


WEIGHTS = [make_tensor("kernel", "k"), make_tensor("bias", "b")]
STATE = [
    make_tensor("adam/iteration", "i"),
    make_tensor("adam/learning_rate", "r"),
    make_tensor("adam/kernel_momentum", "m"),
]
ORIGINAL = OriginalFingerprint(weights=WEIGHTS, optimizer=STATE)
LIVE_LOSSES = np.array([0.5, 0.4, 0.3, 0.2])


def make_training_facts(weights=WEIGHTS, optimizer=STATE, ends=WEIGHTS) -> dict[str, Any]:
    """Facts as `core.worker.tasks.resume.resume_training` gives them, of one epoch."""
    epoch = {"loss": 0.35, "score": 0.9, "score_name": "accuracy", "weights": ends}
    rest = {"numbers": {}, "remark": "", "order": "", "seconds": 1.0, "epochs": [epoch]}
    return {"weights": weights, "optimizer": optimizer, **rest}


def judge_losses(losses, **facts):
    return compare_with_live(
        ORIGINAL, make_training_facts(), make_training_facts(**facts), (LIVE_LOSSES, np.array(losses, "float64"))
    )


CHANGED_WEIGHTS = [make_tensor("kernel", "other"), make_tensor("bias", "b")]


def test_resume_verdict_equal_losses_and_weights_is_exact():
    item = judge_losses(LIVE_LOSSES)
    assert (item.ending, item.gap.first, item.gap.largest, item.gap.after_step) == (
        ResumeVerdict.EXACT,
        None,
        None,
        0.0,
    )


def test_resume_verdict_small_difference_names_batch_and_size():
    item = judge_losses([0.5, 0.4, 0.3 + 2e-6, 0.2 - 1e-6])
    assert item.ending is ResumeVerdict.CLOSE
    assert item.sentence == "From batch 3 on the loss differs, by up to 2e-06."


def test_resume_verdict_equal_losses_other_weights_is_close():
    item = judge_losses(LIVE_LOSSES, ends=CHANGED_WEIGHTS)
    assert item.ending is ResumeVerdict.CLOSE
    assert item.sentence.endswith("loss is the live model's, and 1 of 2 weight tensors are others after epoch 1.")


def test_resume_verdict_lost_state_jumps_with_direction():
    up = judge_losses([0.5, 0.71, 0.3, 0.2], optimizer=STATE[1:2])
    assert up.ending is ResumeVerdict.JUMPS
    assert up.sentence == (
        "Its optimizer state was lost. After the first step the loss is 0.31 higher than the live model's; at most "
        "they are 0.31 apart, on batch 2."
    )
    assert "0.1 lower than" in judge_losses([0.5, 0.3, 0.3, 0.2], optimizer=STATE[1:2]).sentence


@pytest.mark.parametrize(
    ("optimizer", "sentence"),
    [
        (STATE[1:], "The step count of its optimizer was lost."),
        (STATE[:2], "The moments of its optimizer were lost."),
        ([STATE[0], STATE[2]], "The learning rate of its optimizer was lost."),
        (STATE[2:], "The step count and the learning rate of its optimizer were lost."),
        ([], "Its optimizer state was lost."),
    ],
)
def test_resume_verdict_names_lost_optimizer_part(optimizer, sentence):
    assert judge_losses([0.5, 0.41, 0.3, 0.2], optimizer=optimizer).sentence.startswith(sentence)


def test_resume_verdict_lost_state_without_effect_is_exact():
    """Plain descent has no memory: whoever loses its step count goes the same way."""
    assert judge_losses(LIVE_LOSSES, optimizer=STATE[1:]).ending is ResumeVerdict.EXACT


def test_resume_verdict_other_weights_starts_over():
    item = judge_losses([2.3, 2.2, 2.1, 2.0], weights=CHANGED_WEIGHTS, ends=CHANGED_WEIGHTS)
    assert item.ending is ResumeVerdict.STARTS_OVER
    assert item.sentence == (
        "1 of 2 weight tensors are not the run's own. Its first loss is 2.3, where the live model's is 0.5."
    )


@pytest.mark.parametrize("strange", [np.nan, np.inf])
def test_loss_gap_non_finite_loss_has_no_size(strange):
    result = measure_loss_gap(LIVE_LOSSES, np.array([0.5, 0.4, strange, 0.2]))
    assert (result.first, result.at_first, result.largest, result.largest_at) == (3, None, None, 3)
    assert judge_losses([0.5, 0.4, strange, 0.2]).sentence.endswith("one of both becomes infinite or no number.")


def test_loss_gap_nan_on_both_sides_is_equal():
    both = np.array([0.5, np.nan])
    assert measure_loss_gap(both, both.copy()).first is None


def test_loss_gap_single_batch_has_no_step():
    assert measure_loss_gap(np.array([0.5]), np.array([0.5])).after_step is None
    assert measure_loss_gap(np.array([0.5]), np.array([0.25])).at_first == -0.25


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("adam/iteration", "step count"),
        ("adam/learning_rate", "learning rate"),
        ("adam/sequential_dense_kernel_momentum", "moments"),
        ("loss_scale_optimizer/dynamic_scale", "loss scale"),
        ("loss_scale_optimizer/iteration", "loss scale"),
        ("loss_scale_optimizer/adam/dense_kernel_velocity", "moments"),
        ("step:0", "step count"),
        ("learning_rate:0", "learning rate"),
        ("first:0", "moments"),
    ],
)
def test_optimizer_part_is_derived_from_variable_name(name, part):
    assert optimizer_variable_role(name) == part
