"""Layer by layer through real copies: sound ones show no difference, and a harmed weight is found in its own layer."""

import numpy as np
import pytest

from core.errors import InputError, UnknownName
from core.formats import FORMATS
from core.inputs import Inputs
from core.jobs import Jobs, layers
from core.jobs.layers import ActivationReader, LayerLimits
from tests.factories.bit_flips import EXPONENT_BIT, SIGN_BIT
from tests.helpers import wait_until_done
from tests.parameter_pairs import drawn_values, pairs_covering_each

FLOAT_FORMATS = ("keras", "h5", "litert", "onnx", "openvino")
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
EXPECTED_LAYERS = {
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


LONG_DEMOS = ("digits-subclassed",)
DEMOS_AND_FORMATS = pairs_covering_each(
    [demo for demo in EXPECTED_LAYERS if demo not in LONG_DEMOS], FLOAT_FORMATS, LONG_DEMOS
)
CHANGED_LAYERS = (
    ("digits-mlp", "dense"),
    ("digits-mlp", "dense_1"),
    ("digits-cnn", "conv2d_1"),
    ("two-in-two-out", "dense_1"),
)


def test_layers_job_keeps_first_row_of_each_compared_layer_in_both_copies(jobs: Jobs, trained, saved):
    run, copy = trained("digits-mlp"), saved("digits-mlp", "onnx")["artifact"]
    job = wait_until_done(jobs, jobs.compare_layers(run, copy))
    pictures = layers.read_layer_pictures(jobs, job.id, range(len(job.result["steps"])))
    sizes = [np.isfinite(own).sum() for own, _ in pictures.values()]
    assert sizes == [step["shape"][1] for step in job.result["steps"]]
    assert all(np.allclose(own, partner, atol=1e-4, equal_nan=True) for own, partner in pictures.values())
    assert layers.read_layer_pictures(jobs, jobs.job_store.list_jobs("save")[0].id, [0]) == {}


def compare_layers(jobs: Jobs, baseline: str, other: str, **asked) -> dict:
    """The result of a walk that ended well."""
    return wait_until_done(jobs, jobs.compare_layers(baseline, other, **asked)).result


def first_different_layer(result: dict) -> str | None:
    return None if result["first"] is None else result["steps"][result["first"]]["layer"]


@pytest.mark.parametrize(("demo", "format_key"), DEMOS_AND_FORMATS)
def test_layers_job_lossless_copy_differs_in_no_layer(jobs: Jobs, trained, saved, demo: str, format_key: str):
    if (demo, format_key) == ("digits-subclassed", "h5"):
        format_key = "weights"  # an .h5 of a model class of one's own does not come back at all
    result = compare_layers(jobs, trained(demo), saved(demo, format_key)["artifact"])
    names, folded = EXPECTED_LAYERS[demo]
    assert first_different_layer(result) is None
    assert sorted(step["layer"] for step in result["steps"]) == sorted(names)
    unpaired = [step["layer"] for step in result["steps"] if step["state"] != "paired"]
    assert unpaired == [] if result["paired_by"] == "structure" else set(unpaired) <= set(folded)
    assert all(step["relative"] < 1e-5 for step in result["steps"] if step["state"] == "paired")


def test_layers_job_reports_transposed_and_fused_layers(jobs: Jobs, trained, saved):
    result = compare_layers(jobs, trained("digits-cnn"), saved("digits-cnn", "onnx")["artifact"])
    steps = {step["layer"]: step for step in result["steps"]}
    assert steps["conv2d_1"]["permutation"] == [0, 2, 3, 1]
    assert steps["conv2d_1"]["shape"] == [None, 8, 8, 32]
    assert steps["flatten"]["permutation"] == [0, 1]
    assert steps["conv2d"]["state"] == "fused or missing"
    assert steps["conv2d"]["partner"] is None
    assert steps["batch_normalization"]["op"] == "Conv"


@pytest.mark.parametrize(
    ("changed", "format_key"),
    pairs_covering_each(CHANGED_LAYERS, ("keras", "litert", "onnx", "openvino")),
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_layers_job_flipped_sign_bit_is_located_in_its_layer(
    jobs, trained, saved, first_weights, artifact_with_flipped_bit, changed, format_key
):
    demo, layer = changed
    values = first_weights(demo, layer)
    copy = artifact_with_flipped_bit(demo, format_key, _find_influential_weight(jobs, trained(demo), values), SIGN_BIT)
    result = compare_layers(jobs, trained(demo), copy)
    assert first_different_layer(result) == layer
    assert result["together"] == []
    before = result["steps"][: result["first"]]
    assert all(not step["above"] for step in before)
    step = result["steps"][result["first"]]
    assert step["relative"] > 0.001
    assert step["near"] > 0.5  # one weight of many


def _find_influential_weight(jobs: Jobs, run: str, values: np.ndarray) -> np.float32:
    """A weight that matters on these rows: large, and for a first layer at an input that is never 0."""
    flat = values.copy()
    inputs = next(iter(jobs.library.reference(run).inputs.values()))[:32]
    if flat.shape[0] == inputs.shape[1]:
        flat[(inputs > 0).mean(axis=0) < 0.5] = 0
    return flat.reshape(-1)[np.abs(flat).argmax()]


@pytest.mark.parametrize("format_key", drawn_values(("keras", "litert", "onnx", "openvino"), 2))
def test_layers_job_flipped_exponent_bit_is_located_in_its_layer(
    jobs, trained, saved, first_weights, artifact_with_flipped_bit, format_key
):
    value = _find_influential_weight(jobs, trained("digits-mlp"), first_weights("digits-mlp", "dense"))
    copy = artifact_with_flipped_bit("digits-mlp", format_key, value, EXPONENT_BIT)
    result = compare_layers(jobs, trained("digits-mlp"), copy)
    assert first_different_layer(result) == "dense"
    assert [step["state"] for step in result["steps"]] == ["paired", "paired"]


@pytest.mark.parametrize(("format_key", "where"), [("litert_int8", "reshape"), ("keras_int8", "dense")])
def test_layers_job_first_difference_is_first_quantized_layer(jobs, trained, saved, format_key, where):
    result = compare_layers(jobs, trained("digits-cnn"), saved("digits-cnn", format_key)["artifact"])
    assert first_different_layer(result) == where
    assert all(step["relative"] < 0.1 for step in result["steps"] if step["state"] == "paired")


def test_layers_job_int8_remark_mentions_dequantization(jobs, trained, saved):
    result = compare_layers(jobs, trained("digits-cnn"), saved("digits-cnn", "litert_int8")["artifact"])
    assert any("scale and zero point" in remark for remark in result["remarks"])


def test_layers_job_first_difference_in_fused_layer_names_the_group(jobs, trained, saved):
    result = compare_layers(jobs, trained("digits-cnn"), saved("digits-cnn", "litert_float16")["artifact"])
    assert first_different_layer(result) == "activation"
    assert result["together"] == ["conv2d", "batch_normalization"]


def test_layers_job_walks_keras_side_regardless_of_order(jobs, saved):
    keras, onnx = (saved("digits-mlp", key)["artifact"] for key in ("keras", "onnx"))
    result = compare_layers(jobs, onnx, keras)
    assert (result["walked"], result["held"], result["baseline"]) == (keras, onnx, onnx)
    assert first_different_layer(result) is None


def test_layers_job_user_tolerance_decides_first_difference(jobs, trained, saved):
    run = trained("digits-cnn")
    assert (
        first_different_layer(
            compare_layers(jobs, run, saved("digits-cnn", "litert_float16")["artifact"], tolerance=0.01)
        )
        is None
    )
    assert (
        first_different_layer(compare_layers(jobs, run, saved("digits-cnn", "onnx")["artifact"], tolerance=0.0))
        == "batch_normalization"
    )


def test_layers_job_reads_one_pair_of_tensors_at_a_time(jobs, trained, saved, monkeypatch):
    requested: list[tuple[str, int]] = []
    original = ActivationReader._request

    def counting(self: ActivationReader, task: str, **request):
        frame = original(self, task, **request)
        requested.append((task, sum(array.nbytes for array in frame.arrays.values())))
        return frame

    monkeypatch.setattr(ActivationReader, "_request", counting)
    rows = 17
    result = compare_layers(jobs, trained("digits-cnn"), saved("digits-cnn", "onnx")["artifact"], rows=rows)
    paired = [step for step in result["steps"] if step["state"] == "paired"]
    reads = [size for task, size in requested if task == "read_tensor"]
    assert len(reads) == 2 * len(paired)
    assert reads == [size for step in paired for size in [4 * rows * int(np.prod(step["shape"][1:]))] * 2]
    # What is sent to tell tensors apart does not grow with them: 33 numbers for each row and each of 4 means.
    assert {size for task, size in requested if task == "sketch_tensor"} <= {0, 8 * 33 * (rows + 4)}


def test_layers_job_limits_rows_to_reply_size(jobs, trained, saved, monkeypatch):
    small = LayerLimits(reply_bytes=16 * 512 * 5)
    monkeypatch.setattr(layers, "LayerLimits", lambda cancelled, reply_bytes: small)
    result = compare_layers(jobs, trained("digits-cnn"), saved("digits-cnn", "keras")["artifact"], rows=16)
    rows = {step["layer"]: step["rows"] for step in result["steps"]}
    assert (rows["flatten"], rows["conv2d_1"], rows["dense_1"]) == (5, 1, 16)


@pytest.mark.parametrize(
    ("baseline", "other", "sentence"),
    [
        ("keras", "saved_model", "No intermediate tensors can be seen in a SavedModel artifact."),
        ("onnx", "litert", "Layers are those of a Keras model, and neither of these is one."),
        ("keras", "keras", "A copy cannot be compared with itself."),
    ],
)
def test_layers_without_comparable_activations_starts_no_job(jobs, saved, baseline, other, sentence):
    ids = [saved("digits-mlp", key)["artifact"] for key in (baseline, other)]
    before = len(jobs.job_store.list_jobs("layers"))
    with pytest.raises(InputError) as refused:
        jobs.compare_layers(*ids)
    assert refused.value.sentence == sentence
    assert refused.value.cure
    assert len(jobs.job_store.list_jobs("layers")) == before


def test_layers_of_tf_module_is_refused(jobs, trained, saved):
    with pytest.raises(InputError, match=r"plain tf\.Module"):
        jobs.compare_layers(trained("digits-core"), saved("digits-core", "onnx")["artifact"])


@pytest.mark.parametrize(
    ("asked", "sentence"), [({"rows": 65}, "From 1 to 64 rows"), ({"tolerance": -1}, "share of 0")]
)
def test_layers_invalid_rows_or_tolerance_is_refused(jobs, trained, saved, asked, sentence):
    with pytest.raises(InputError, match=sentence):
        jobs.compare_layers(trained("digits-mlp"), saved("digits-mlp", "keras")["artifact"], **asked)


def test_every_format_declares_its_activation_reader():
    assert {format_.activations for format_ in FORMATS} == {"", "keras", "litert", "onnx", "openvino"}
    assert {format_.key for format_ in FORMATS if not format_.activations} == {
        "saved_model",
        "keras_export",
        "frozen_graph",
        "stablehlo",
    }


def test_layers_job_uses_rows_of_input_set(jobs, trained, saved):
    run, copy = trained("digits-mlp"), saved("digits-mlp", "litert_int8")["artifact"]
    sets = Inputs(jobs.library.home, jobs.config)
    blank = sets.add_typed({"pixels": np.zeros((1, 64), "float32")})
    usual, request = compare_layers(jobs, run, copy), compare_layers(jobs, run, copy, inputs=blank.id)
    assert (usual["rows"], request["rows"]) == (32, 1)
    assert request["steps"][0]["max_abs"] != usual["steps"][0]["max_abs"]
    same = sets.add_held_out(jobs.library, run)
    assert compare_layers(jobs, run, copy, inputs=same.id) == usual
    with pytest.raises(UnknownName, match="These inputs are not kept"):
        jobs.compare_layers(run, copy, inputs="i0123456789")
