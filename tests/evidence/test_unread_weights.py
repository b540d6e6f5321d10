"""Weights that a copy's files store and no answer reads: a second copy, or the only one."""

import numpy as np
import pytest

from core.arrays import fingerprint_arrays
from core.evidence.fingerprint_matching import OriginalFingerprint
from core.evidence.outcomes import REPORTED_FACTS, compare_with_original
from core.runtimes.reference import Reference

KERNEL, MEAN = np.arange(6.0).reshape(3, 2), np.array([1.0, 2.0])


@pytest.mark.parametrize(
    ("read", "copies", "others"),
    [([("kernel", KERNEL)], ["inner/kernel"], ["inner/mean"]), ([], [], ["inner/kernel", "inner/mean"])],
)
def test_weight_that_is_stored_once_is_no_second_copy(read: list, copies: list[str], others: list[str]):
    """As the mean of a Normalization, which stands as a constant in the graph of a SavedModel."""
    stored = fingerprint_arrays([("inner/kernel", KERNEL), ("inner/mean", MEAN)])
    original = OriginalFingerprint(weights=fingerprint_arrays([("kernel", KERNEL), ("mean", MEAN)]), optimizer=[])
    facts = dict.fromkeys(REPORTED_FACTS) | {"inputs": [], "input_pairs": [], "optimizer": None}
    facts |= {
        "weights": fingerprint_arrays(read),
        "unread": stored,
        "lists": [],
        "load_seconds": 0.0,
        "moved_by_answering": 0,
    }
    answers = {"y": np.ones((2, 1))}
    outcome = compare_with_original(facts, answers, original, Reference({"x": np.ones((2, 3))}, answers, {}))
    assert (outcome.unread.copies, outcome.unread.others, outcome.unread.values) == (copies, others, 8)
