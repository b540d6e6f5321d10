"""Findings that say what is: rows at a time, names, masks, numbers that are not finite, and inputs that cannot tell."""

import numpy as np
import pytest

from core.compatibility.checks import check_batch_sizes, check_state, check_weights
from core.compatibility.columns import ReloadContext
from core.compatibility.sentences import describe_ports
from core.errors import CannotSave
from core.evidence.fingerprint_matching import TensorMatchCount
from core.evidence.records import Evidence, ReloadOutcome
from core.formats import get_format
from core.runtimes.batch_adapter import adapt_batch_size
from core.runtimes.specs import Spec
from tests.factories.keras_models import ROWS, build_dense_model
from tests.factories.library_entries import make_run
from tests.helpers import wait_until_done

STEPS = np.tile(np.array([[1, 2, 3, 0, 0]], "int32"), (8, 1)) + np.arange(8, dtype="int32")[:, None] % 3


@pytest.fixture(scope="module")
def masked_artifacts(add):
    """An embedding with a mask before an LSTM that answers every step, in two formats."""
    import keras

    keras.utils.set_random_seed(5)
    layers = [keras.layers.Embedding(9, 3, mask_zero=True), keras.layers.LSTM(2, return_sequences=True, name="steps")]
    model = keras.Sequential([keras.Input((5,), dtype="int32", name="words"), *layers])
    return add(model, ["keras", "keras_export"], STEPS)


def test_mask_that_keras_keeps_is_kept(masked_artifacts, matrix_row_of):
    cell = matrix_row_of(masked_artifacts["keras"].artifact.id).cells["masks"]
    assert (cell.state, cell.words) == ("kept", "Of output_0.")


def test_compare_says_which_masks_do_not_travel(masked_artifacts, jobs):
    ids = [masked_artifacts[key].artifact.id for key in ("keras", "keras_export")]
    outcomes = wait_until_done(jobs, jobs.compare(ids)).result["outcomes"]
    assert ["does not travel" in outcomes[id_]["remark"] for id_ in ids] == [False, True]


def test_mask_that_does_not_travel_is_lost(masked_artifacts, matrix_row_of):
    cell = matrix_row_of(masked_artifacts["keras_export"].artifact.id).cells["masks"]
    assert cell.state == "lost"
    assert cell.words.startswith("The mask of output_0 does not travel: steps of padding look like any other")


@pytest.mark.parametrize(
    ("original", "copy", "expected"),
    [
        (None, 1, ("lost", "The file takes 1 row at a time; more are asked call by call.")),
        (None, 4, ("lost", "The file takes 4 rows at a time; more are asked call by call.")),
        (4, 4, ("kept", "The file takes 4 rows at a time, as the original does.")),
        (None, None, ("kept", "Answers 1, 7, 64 rows at once.")),
    ],
)
def test_file_that_takes_some_rows_at_a_time_does_not_take_any(empty_library, original, copy, expected):
    outcome = ReloadOutcome(verdict="rounding", call_rows=copy, probes={"batches": {"1": "", "7": "", "64": ""}})
    run = make_run(empty_library, call_rows=original)
    context = ReloadContext(run, get_format("litert"), Evidence(without_code=outcome), outcome)
    assert check_batch_sizes(context) == expected


@pytest.mark.parametrize(
    ("original", "copy", "state"),
    [
        (True, True, "kept"),
        (True, False, "lost"),
        (False, True, "changed"),
        (False, False, "not applicable"),
        (None, True, "not applicable"),
        (True, None, "not applicable"),
    ],
)
def test_whether_a_copy_remembers_is_a_finding(empty_library, original, copy, state):
    outcome = ReloadOutcome(verdict="bit-identical", remembers=copy)
    run = make_run(empty_library, remembers=original)
    finding = check_state(ReloadContext(run, get_format("onnx"), Evidence(without_code=outcome), outcome))
    assert finding.state == state
    assert ("this copy forgets" in finding.words) == (state == "lost")


@pytest.mark.parametrize(("verdict", "is_said"), [("bit-identical", True), ("different", False)])
def test_adapters_are_said_to_be_merged_where_the_answers_bear_it_out(empty_library, verdict, is_said):
    surplus = {"others": ["d/kernel", "d/lora_kernel_b"], "values": 12}
    forms = {"d/kernel": "merged", "d/lora_kernel_b": "zeroed"}
    match = TensorMatchCount(found=1, of=3, missing=list(forms), surplus=surplus, forms=forms)
    outcome = ReloadOutcome(verdict=verdict, weights=match, probes={"traits": {"layers": ["Dense"]}})
    run = make_run(empty_library)
    words = check_weights(ReloadContext(run, get_format("keras"), Evidence(without_code=outcome), outcome)).words
    assert ("LoRA adapters were merged into d/kernel" in words) == is_said
    assert ("2 tensors that the original has not" in words) != is_said


def test_adapter_says_how_many_rows_a_call_takes():
    specs, outputs = [Spec("x", "float32", (1, 4))], {"y": (1, 2)}
    assert adapt_batch_size(specs, outputs, lambda inputs: inputs).call_rows == 1
    assert (
        adapt_batch_size([Spec("x", "float32", (None, 4))], {"y": (None, 2)}, lambda inputs: inputs).call_rows is None
    )


def test_inputs_of_one_name_and_another_shape_are_not_called_renamed():
    outcome = ReloadOutcome(verdict="rounding", inputs=[{"name": "x", "dtype": "float32", "shape": [None, 5]}])
    words = describe_ports([{"name": "x", "dtype": "float32", "shape": [None, 4]}], outcome)
    assert words == "Inputs are others: x was float32 [?, 4] and is float32 [?, 5]."


def test_surplus_output_is_part_of_names_and_shapes():
    outcome = ReloadOutcome(verdict="bit-identical", inputs=[], surplus_outputs=["extra"])
    assert describe_ports([], outcome) == "It also gives extra, which the original does not."


def test_two_weights_of_one_name_are_refused_with_the_layer(add):
    import keras

    class Twin(keras.layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight(shape=(4,), name="w")
            self.shift = self.add_weight(shape=(4,), name="w")

        def call(self, inputs):
            return inputs * self.scale + self.shift

    error = add(keras.Sequential([keras.Input((4,)), Twin(name="twin")]), ["h5"])["h5"].error
    assert isinstance(error, CannotSave)
    assert error.sentence == "The layer 'twin' has 2 weights named 'w', which an HDF5 file takes once."


# Inputs that can tell


def test_inputs_that_tell_are_measured_by_mutants(add):
    discrimination = add(build_dense_model(), ["keras"])["keras"].evidence.best.discrimination
    assert (discrimination.rows, discrimination.distinct, discrimination.warning) == (40, 40, "")
    assert 0 < discrimination.ulp_share < 1e-4 < discrimination.percent_share


def test_inputs_with_one_answer_are_said_beside_the_verdict(add, matrix_row_of):
    result = add(build_dense_model(), ["keras", "onnx"], np.tile(ROWS[:1], (16, 1)))
    words = "All 16 rows get the same answer, so these inputs cannot tell a good copy from another."
    for key in ("keras", "onnx"):
        assert result[key].evidence.best.warning == words
        assert matrix_row_of(result[key].artifact.id).cells["answers"].words.endswith(words)


def test_inputs_on_which_no_weight_acts_are_said(add):
    import keras

    model = build_dense_model("relu", outputs=2)
    model.layers[0].bias.assign(keras.ops.full((8,), -100.0))
    model.layers[1].bias.assign(keras.ops.zeros(2))
    best = add(model, ["keras"])["keras"].evidence.best
    assert best.discrimination.distinct == 1
    assert best.discrimination.percent_share == 0.0


def test_half_of_own_model_names_no_demo(add):
    error = add(build_dense_model(), ["weights"])["weights"].evidence.best.error
    assert error["cure"] == (
        "Give an architecture: save the run as an architecture too, or load it with the code that built it."
    )
