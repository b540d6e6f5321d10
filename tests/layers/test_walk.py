"""Layer by layer through real copies: sound ones show no difference, and a harmed weight is found in its own layer."""

import numpy as np
import pytest

from core.errors import InputError, UnknownName
from core.formats import FORMATS
from core.inputs import Inputs
from core.jobs import Jobs, layers
from core.jobs.layers import ActivationReader, LayerLimits
from tests.conftest import finished
from tests.layers.conftest import EXPONENT, SIGN

FLOAT = ("keras", "h5", "litert", "onnx", "openvino")
CNN = [
    "reshape",
    "random_translation",
    "conv2d",
    "batch_normalization",
    "activation",
    "conv2d_1",
    "max_pooling2d",
    "flatten",
    "dense",
    "dropout",
    "dense_1",
]
# Demo: its layers by the names that they have in every copy, and those that a converter may fold into their neighbours.
SOUND = {
    "digits-mlp": (["dense", "dense_1"], []),
    "digits-cnn": (
        CNN,
        ["conv2d", "batch_normalization"],
    ),
    "digits-subclassed": (["dense", "dense_1"], []),
    "two-in-two-out": (
        ["colours_scaled", "minerals_scaled", "dense", "dense_1", "concatenate", "alcohol", "variety"],
        [],
    ),
}


FIRST_WALKED = ("digits-mlp", "digits-cnn", "two-in-two-out")  # the others in the long run


def walked(jobs: Jobs, baseline: str, other: str, **asked) -> dict:
    """The result of a walk that ended well."""
    return finished(jobs, jobs.compare_layers(baseline, other, **asked)).result


def first(result: dict) -> str | None:
    return None if result["first"] is None else result["steps"][result["first"]]["layer"]


@pytest.mark.parametrize(
    "demo", [pytest.param(one, marks=() if one in FIRST_WALKED else pytest.mark.long) for one in SOUND]
)
@pytest.mark.parametrize("format_key", FLOAT)
def test_a_sound_copy_differs_in_no_layer(jobs: Jobs, trained, saved, demo: str, format_key: str):
    if (demo, format_key) == ("digits-subclassed", "h5"):
        format_key = "weights"  # an .h5 of a model class of one's own does not come back at all
    result = walked(jobs, trained(demo), saved(demo, format_key)["artifact"])
    names, folded = SOUND[demo]
    assert first(result) is None
    assert sorted(step["layer"] for step in result["steps"]) == sorted(names)
    unpaired = [step["layer"] for step in result["steps"] if step["state"] != "paired"]
    assert unpaired == [] if result["paired_by"] == "structure" else set(unpaired) <= set(folded)
    assert all(step["relative"] < 1e-5 for step in result["steps"] if step["state"] == "paired")


def test_transposed_and_folded_layers_are_said(jobs: Jobs, trained, saved):
    result = walked(jobs, trained("digits-cnn"), saved("digits-cnn", "onnx")["artifact"])
    steps = {step["layer"]: step for step in result["steps"]}
    assert steps["conv2d_1"]["permutation"] == [0, 2, 3, 1]
    assert steps["conv2d_1"]["shape"] == [None, 8, 8, 32]
    assert steps["flatten"]["permutation"] == [0, 1]
    assert steps["conv2d"]["state"] == "fused or missing"
    assert steps["conv2d"]["partner"] is None
    assert steps["batch_normalization"]["op"] == "Conv"


@pytest.mark.parametrize(
    ("demo", "layer"),
    [("digits-mlp", "dense"), ("digits-mlp", "dense_1"), ("digits-cnn", "conv2d_1"), ("two-in-two-out", "dense_1")],
)
@pytest.mark.parametrize("format_key", ["keras", "litert", "onnx", "openvino"])
def test_one_flipped_bit_is_found_in_its_layer(jobs, trained, saved, weights, harmed, demo, layer, format_key):
    values = weights(demo, layer)
    copy = harmed(demo, format_key, _telling(jobs, trained(demo), values), SIGN)
    result = walked(jobs, trained(demo), copy)
    assert first(result) == layer
    assert result["together"] == []
    before = result["steps"][: result["first"]]
    assert all(not step["above"] for step in before)
    step = result["steps"][result["first"]]
    assert step["relative"] > 0.001
    assert step["near"] > 0.5  # one weight of many


def _telling(jobs: Jobs, run: str, values: np.ndarray) -> np.float32:
    """A weight that matters on these rows: large, and for a first layer at an input that is never 0."""
    flat = values.copy()
    inputs = next(iter(jobs.library.reference(run).inputs.values()))[:32]
    if flat.shape[0] == inputs.shape[1]:
        flat[(inputs > 0).mean(axis=0) < 0.5] = 0
    return flat.reshape(-1)[np.abs(flat).argmax()]


def test_a_weight_of_another_order_of_magnitude_is_found_though_all_behind_it_is_beyond_measure(
    jobs, trained, saved, weights, harmed
):
    value = _telling(jobs, trained("digits-mlp"), weights("digits-mlp", "dense"))
    for format_key in ("keras", "litert", "onnx", "openvino"):
        result = walked(jobs, trained("digits-mlp"), harmed("digits-mlp", format_key, value, EXPONENT))
        assert (format_key, first(result)) == (format_key, "dense")
        assert [step["state"] for step in result["steps"]] == ["paired", "paired"]


@pytest.mark.parametrize(("format_key", "where"), [("litert_int8", "reshape"), ("keras_int8", "dense")])
def test_the_first_quantised_layer_is_the_first_that_differs(jobs, trained, saved, format_key, where):
    result = walked(jobs, trained("digits-cnn"), saved("digits-cnn", format_key)["artifact"])
    assert first(result) == where
    assert all(step["relative"] < 0.1 for step in result["steps"] if step["state"] == "paired")


def test_integers_are_said_to_be_scaled_back(jobs, trained, saved):
    result = walked(jobs, trained("digits-cnn"), saved("digits-cnn", "litert_int8")["artifact"])
    assert any("scale and zero point" in remark for remark in result["remarks"])


def test_a_first_difference_in_a_folded_layer_names_what_is_computed_together(jobs, trained, saved):
    result = walked(jobs, trained("digits-cnn"), saved("digits-cnn", "litert_float16")["artifact"])
    assert first(result) == "activation"
    assert result["together"] == ["conv2d", "batch_normalization"]


def test_the_keras_copy_is_walked_whichever_comes_first(jobs, saved):
    keras, onnx = (saved("digits-mlp", key)["artifact"] for key in ("keras", "onnx"))
    result = walked(jobs, onnx, keras)
    assert (result["walked"], result["held"], result["baseline"]) == (keras, onnx, onnx)
    assert first(result) is None


def test_a_tolerance_of_a_persons_own_decides(jobs, trained, saved):
    run = trained("digits-cnn")
    assert first(walked(jobs, run, saved("digits-cnn", "litert_float16")["artifact"], tolerance=0.01)) is None
    assert first(walked(jobs, run, saved("digits-cnn", "onnx")["artifact"], tolerance=0.0)) == "batch_normalization"


def test_one_pair_of_tensors_is_held_at_a_time(jobs, trained, saved, monkeypatch):
    asked: list[tuple[str, int]] = []
    original = ActivationReader._request

    def counting(self: ActivationReader, task: str, **request):
        frame = original(self, task, **request)
        asked.append((task, sum(array.nbytes for array in frame.arrays.values())))
        return frame

    monkeypatch.setattr(ActivationReader, "_request", counting)
    rows = 17
    result = walked(jobs, trained("digits-cnn"), saved("digits-cnn", "onnx")["artifact"], rows=rows)
    paired = [step for step in result["steps"] if step["state"] == "paired"]
    reads = [size for task, size in asked if task == "read_tensor"]
    assert len(reads) == 2 * len(paired)
    assert reads == [size for step in paired for size in [4 * rows * int(np.prod(step["shape"][1:]))] * 2]
    # What is sent to tell tensors apart does not grow with them: 33 numbers for each row and each of 4 means.
    assert {size for task, size in asked if task == "sketch_tensor"} <= {0, 8 * 33 * (rows + 4)}


def test_so_few_rows_are_read_that_a_reply_holds_them(jobs, trained, saved, monkeypatch):
    small = LayerLimits(reply_bytes=16 * 512 * 5)
    monkeypatch.setattr(layers, "LayerLimits", lambda cancelled, reply_bytes: small)
    result = walked(jobs, trained("digits-cnn"), saved("digits-cnn", "keras")["artifact"], rows=16)
    rows = {step["layer"]: step["rows"] for step in result["steps"]}
    assert (rows["flatten"], rows["conv2d_1"], rows["dense_1"]) == (5, 1, 16)


@pytest.mark.parametrize(
    ("baseline", "other", "sentence"),
    [
        ("keras", "saved_model", "No intermediate tensors can be seen in a SavedModel artifact."),
        ("onnx", "litert", "Layers are those of a Keras model, and neither of these is one."),
        ("keras", "keras", "A copy cannot be held against itself."),
    ],
)
def test_what_has_no_layers_to_compare_is_refused_before_anything_is_started(jobs, saved, baseline, other, sentence):
    ids = [saved("digits-mlp", key)["artifact"] for key in (baseline, other)]
    before = len(jobs.job_store.list_jobs("layers"))
    with pytest.raises(InputError) as refused:
        jobs.compare_layers(*ids)
    assert refused.value.sentence == sentence
    assert refused.value.cure
    assert len(jobs.job_store.list_jobs("layers")) == before


def test_a_tf_module_has_no_layers(jobs, trained, saved):
    with pytest.raises(InputError, match=r"plain tf\.Module"):
        jobs.compare_layers(trained("digits-core"), saved("digits-core", "onnx")["artifact"])


@pytest.mark.parametrize(
    ("asked", "sentence"), [({"rows": 65}, "From 1 to 64 rows"), ({"tolerance": -1}, "share of 0")]
)
def test_what_does_not_fit_is_refused(jobs, trained, saved, asked, sentence):
    with pytest.raises(InputError, match=sentence):
        jobs.compare_layers(trained("digits-mlp"), saved("digits-mlp", "keras")["artifact"], **asked)


def test_every_format_says_as_what_its_tensors_can_be_seen():
    assert {one.activations for one in FORMATS} == {"", "keras", "litert", "onnx", "openvino"}
    assert {one.key for one in FORMATS if not one.activations} == {"saved_model", "keras_export", "frozen_graph"}


def test_the_rows_of_an_input_set_are_walked(jobs, trained, saved):
    run, copy = trained("digits-mlp"), saved("digits-mlp", "litert_int8")["artifact"]
    sets = Inputs(jobs.library.home, jobs.config)
    blank = sets.add_typed({"pixels": np.zeros((1, 64), "float32")})
    usual, asked = walked(jobs, run, copy), walked(jobs, run, copy, inputs=blank.id)
    assert (usual["rows"], asked["rows"]) == (32, 1)
    assert asked["steps"][0]["max_abs"] != usual["steps"][0]["max_abs"]
    same = sets.add_held_out(jobs.library, run)
    assert walked(jobs, run, copy, inputs=same.id) == usual
    with pytest.raises(UnknownName, match="These inputs are not kept"):
        jobs.compare_layers(run, copy, inputs="i0123456789")
