"""Formats of environments, really built and saved in: in the long run, as their packages take gigabytes."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.compatibility.matrix import build_matrix
from core.environments.base import SCRIPTS
from core.environments.build import BuiltEnvironment
from core.environments.judge import judge_kit
from core.environments.pool import WarmProcesses
from core.errors import CannotSave
from core.exports.proof_kit import unpacked_kit
from core.formats import ENVIRONMENT_FORMATS, FORMATS, formats_at_hand, get_format
from core.formats.groups import group_formats
from core.jobs import Jobs
from core.settings import Settings
from tests.exports.kit_execution import run_kit, unpack_kit
from tests.factories import architectures
from tests.factories.built_environments import build_or_skip
from tests.package_registries import install_npm_package

KEYS = [format_.key for format_ in ENVIRONMENT_FORMATS]
UNKNOWN_CLASS = "This process does not know the custom class '{}'."
BY_TENSORFLOW = "Keras computes the layer {} by TensorFlow alone, which is not among these packages."
NO_OPERATION = "TensorFlow.js has no operation for {}."
NO_MODULE = "Takes Keras models only; this is a plain tf.Module, with no Keras layers or config to write."
# The verdict, or the sentence of the refusal, by demo.
EXPECTED = {
    "orbax": {
        "digits-mlp": "bit-identical",
        "digits-cnn": "bit-identical",
        "digits-mixed": "bit-identical",
        "names": "bit-identical",
        "stocks-lstm": "bit-identical",
        "tips": "bit-identical",
        "two-in-two-out": "bit-identical",
        "digits-denoiser": "bit-identical",
        "digits-core": NO_MODULE,
        "digits-custom": UNKNOWN_CLASS.format("Scale"),
        "digits-subclassed": UNKNOWN_CLASS.format("DigitReader"),
    },
    "pt2": {
        "digits-mlp": "rounding",
        "digits-cnn": "rounding",
        "digits-mixed": "rounding",
        "names": BY_TENSORFLOW.format("TextVectorization"),
        "stocks-lstm": "rounding",
        "tips": BY_TENSORFLOW.format("StringLookup"),
        "two-in-two-out": "rounding",
        "digits-denoiser": "rounding",
        "digits-core": NO_MODULE,
        "digits-custom": UNKNOWN_CLASS.format("Scale"),
        "digits-subclassed": UNKNOWN_CLASS.format("DigitReader"),
    },
    "tfjs_graph": {
        "digits-mlp": "rounding",
        "digits-cnn": "rounding",
        "digits-mixed": "some-changed",
        "names": NO_OPERATION.format("RaggedBincount, StringLower, UnicodeDecode, UnicodeEncode"),
        "stocks-lstm": "rounding",
        "tips": "rounding",
        "two-in-two-out": "rounding",
        "digits-denoiser": "rounding",
        "digits-core": "rounding",
        "digits-custom": "rounding",
        "digits-subclassed": "rounding",
    },
}
# How far answers of a model of each kind may be off in a format, as a share of the largest; measured were 3e-7.
OFF = {"orbax": 0, "pt2": 1e-6, "tfjs_graph": 1e-6}
# TensorFlow.js' own converter, of a SavedModel as it is: a folder of scripts, the SavedModel and where to write.
CONVERSION = """
import sys
sys.path.insert(0, sys.argv[1])
from tfjs_converter import import_converter
import_converter().convert_tf_saved_model(*sys.argv[2:], control_flow_v2=True)
"""
PAIRS = [(demo, key) for key, verdicts in EXPECTED.items() for demo in verdicts]


def test_environment_formats_are_others_and_have_expectations():
    assert set(KEYS) & {format_.key for format_ in FORMATS} == set()
    assert EXPECTED.keys() == set(KEYS)
    groups = group_formats(ENVIRONMENT_FORMATS)
    assert sorted(format_.key for group, members in groups for format_ in members if group.keys) == sorted(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_environment_format_is_saved_for_who_names_it_alone(key: str):
    assert not get_format(key).refusal_reason("keras")
    assert key not in formats_at_hand("keras", 0, "ours")
    assert "no model from outside" in get_format(key).refusal_reason("keras", trust="brought in")


def build_for(key: str, config: Settings) -> BuiltEnvironment:
    """The environment of a format, built."""
    environment = get_format(key).environment
    assert environment
    return build_or_skip(config, environment)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("demo", "key"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
def test_demo_in_environment_format_keeps_what_it_claims(demo: str, key: str, apart: Jobs, saved_apart: Callable):
    built = build_for(key, apart.config)
    row, expected = saved_apart(demo, key), EXPECTED[key][demo]
    if expected.endswith("."):
        assert (row["state"], row["error"]["sentence"]) == ("failed", expected)
        return
    assert (row["state"], row.get("verdict"), row.get("reason")) == ("done", expected, "")
    cells = next(each for each in build_matrix(apart.library, row["run"]) if each.format == key)
    assert cells.find_contradictions() == []
    environment = get_format(key).environment
    with unpacked_kit(apart.library, row["artifact"]) as kit, WarmProcesses(apart.config) as processes:
        outcome = judge_kit(processes, environment, built, kit)
    assert (outcome.verdict.value, outcome.error) == (expected, None)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", architectures.FAMILIES)
@pytest.mark.parametrize("key", OFF)
def test_model_kind_in_environment_format_answers_alike(
    key: str, name: str, apart: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("core.runtimes.environment_link.get_settings", lambda: apart.config)
    build_for(key, apart.config)
    model, format_ = architectures.FAMILIES[name](), get_format(key)
    model.compile("adam", "mse")  # without which Keras writes no checkpoint of Orbax
    inputs = architectures.make_inputs(model)
    expected = model.predict(next(iter(inputs.values())), verbose=0)
    format_.save_model(model, "keras", tmp_path)
    predictor = format_.load(tmp_path)
    (answer,) = predictor.predict(inputs).values()
    assert np.abs(answer - expected).max() <= OFF[key] * np.abs(expected).max()
    arrays = [array for _, array in predictor.weights()]
    assert "weights" not in format_.keeps or all(
        np.array_equal(*pair) for pair in zip(arrays, model.get_weights(), strict=True)
    )


@pytest.mark.parametrize("compiles", [False, True])
def test_orbax_of_a_model_without_an_optimizer_is_one_sentence(compiles: bool, tmp_path: Path):
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    if compiles:
        model.compile(optimizer=None, loss="mse")
    with pytest.raises(CannotSave) as caught:
        get_format("orbax").save_model(model, "keras", tmp_path)
    sentence = "Keras writes Orbax checkpoints of models with an optimizer only, and this one has none."
    assert (caught.value.sentence, list(tmp_path.iterdir())) == (sentence, [])


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_gelu_refused_by_tensorflow_js_is_rewritten_and_answers_alike(
    apart: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import keras

    monkeypatch.setattr("core.runtimes.environment_link.get_settings", lambda: apart.config)
    python = build_for("tfjs_graph", apart.config).python
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, "gelu"), keras.layers.Activation("gelu")])
    rows = np.linspace(-6, 6, 18, dtype="float32").reshape(6, 3)
    model.export(tmp_path / "exported", verbose=False)
    command = [python, "-c", CONVERSION, SCRIPTS, tmp_path / "exported", tmp_path / "refused"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "Unsupported Ops" in ended.stderr
    assert "Erfc" in ended.stderr
    (tmp_path / "saved").mkdir()
    get_format("tfjs_graph").save_model(model, "keras", tmp_path / "saved")
    predictor = get_format("tfjs_graph").load(tmp_path / "saved")
    (answer,) = predictor.predict({predictor.inputs[0].name: rows}).values()
    assert np.abs(answer - model.predict(rows, verbose=0)).max() <= 1e-6 * 6


def read_shards(folder: Path) -> list[np.ndarray]:
    """The constants of a TensorFlow.js graph model that are float32."""
    manifest = json.loads((folder / "model.json").read_text(encoding="utf-8"))["weightsManifest"]
    arrays = []
    for group in manifest:
        content, at = b"".join((folder / name).read_bytes() for name in group["paths"]), 0
        for weight in group["weights"]:
            dtype = np.dtype(weight["dtype"])
            arrays.append(np.frombuffer(content, dtype, int(np.prod(weight["shape"])), at).reshape(weight["shape"]))
            at += arrays[-1].nbytes
        assert at == len(content)
    return [array for array in arrays if array.dtype == np.float32]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_constants_of_tfjs_graph_hold_each_kernel(apart: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import keras

    monkeypatch.setattr("core.runtimes.environment_link.get_settings", lambda: apart.config)
    build_for("tfjs_graph", apart.config)
    layers = keras.layers
    model = keras.Sequential([keras.Input((6, 3)), layers.Conv1D(5, 2), layers.LSTM(4), layers.Dense(2)])
    get_format("tfjs_graph").save_model(model, "keras", tmp_path)
    constants = {array.tobytes() for array in read_shards(tmp_path)}
    kernels = {variable.path: variable.numpy() for variable in model.weights if "kernel" in variable.path}
    assert len(kernels) == 4  # the LSTM has two
    assert [path for path, kernel in kernels.items() if kernel.tobytes() not in constants] == []


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_kit_of_tfjs_graph_is_verified_with_npm_and_node(apart: Jobs, saved_apart: Callable, tmp_path: Path):
    python = build_for("tfjs_graph", apart.config).python  # which has the packages that the kit requires
    folder = unpack_kit(apart.library, saved_apart("two-in-two-out", "tfjs_graph")["artifact"], tmp_path)
    result = run_kit(folder, python)
    assert (result.status, "npm install @tensorflow/tfjs@4.22.0" in result.output) == (1, True), result.output
    install_npm_package(folder, "@tensorflow/tfjs@4.22.0")
    result = run_kit(folder, python)
    assert result.status == 0, result.output
