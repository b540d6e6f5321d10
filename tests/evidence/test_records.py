"""Counting the tensors of a copy against those of the run."""

import numpy as np

from core.arrays import fingerprint_arrays
from core.evidence.fingerprint_matching import SurplusTensors, match_fingerprints
from core.evidence.records import ReloadOutcome

KERNEL, BIAS = np.arange(6, dtype="float32").reshape(2, 3), np.ones(3, "float32")
ORIGINAL = fingerprint_arrays([("kernel", KERNEL), ("bias", BIAS)])


def match(*named):
    return match_fingerprints(ORIGINAL, fingerprint_arrays(list(named)))


def test_match_of_the_same_tensors_has_no_surplus():
    result = match(("b", BIAS), ("a", KERNEL))
    assert result.is_complete
    assert (result.values, result.values_of, bool(result.surplus), result.rearranged) == (9, 9, False, False)


def test_match_tells_second_copies_from_other_tensors():
    result = match(("a", KERNEL), ("b", BIAS), ("b again", BIAS), ("new", np.zeros(5, "float32")))
    assert result.is_complete
    assert result.surplus == SurplusTensors(copies=["b again"], others=["new"], values=8)
    assert (result.values, result.values_of) == (17, 9)


def test_match_of_as_many_numbers_in_other_shapes_is_rearranged():
    result = match(("a", KERNEL[:1]), ("b", KERNEL[1:]), ("c", BIAS))
    assert (result.found, result.missing, result.rearranged) == (1, ["kernel"], True)


def test_match_names_what_may_be_a_second_transposed_copy():
    """One that is there instead of the original is none: it came back in another form."""
    assert match(("a", KERNEL), ("b", BIAS), ("turned", KERNEL.T), ("row", KERNEL[:1])).turned == ["turned"]
    assert match(("turned", KERNEL.T), ("b", BIAS)).turned == []
    assert match(("turned", KERNEL.T), ("b", BIAS), ("again", KERNEL.T)).turned == ["again"]


def test_match_of_other_values_in_the_same_shapes_is_not_rearranged():
    result = match(("a", KERNEL + 1), ("b", BIAS))
    assert (result.found, result.missing, result.rearranged) == (1, ["kernel"], False)


def test_outcome_of_older_records_reads_with_defaults():
    outcome = ReloadOutcome.model_validate({"verdict": "bit-identical", "weights": {"found": 2, "of": 2}})
    assert outcome.weights.is_complete
    assert (outcome.weights.values, outcome.settings, outcome.unread, outcome.call_rows) == (None, None, None, None)


def test_warning_of_one_number_is_in_the_singular():
    assert ReloadOutcome(verdict="different", not_finite=1).warning == "1 number in its answers is NaN or infinite."
