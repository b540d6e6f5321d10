"""Settings of a Keras file that `load_model` passes over: the policy that scales the loss, and XLA."""

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.compatibility.sentences import describe_xla
from core.formats import get_format
from core.runtimes.keras import keras_predictor
from core.runtimes.keras_file_settings import AUTO, read_file_settings
from core.worker.tasks.probes import probe_xla, validate_probes

ROWS = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
IMAGES = np.random.default_rng(0).normal(size=(2, 4, 4, 1)).astype("float32")
FILES = {"keras": "model.keras", "keras_dir": "model"}


def train(model, optimizer=None):
    model.compile(optimizer or "adam", "mse")
    model.fit(ROWS, ROWS[:, :2], epochs=1, batch_size=4, verbose=0)
    return model


def build_functional(**arguments):
    import keras

    inputs = keras.Input((3,), name="x")
    return keras.Model(inputs, keras.layers.Dense(2, **arguments)(inputs))


def build_sequential(**arguments):
    import keras

    return keras.Sequential([keras.Input((3,), name="x"), keras.layers.Dense(2, **arguments)])


def train_under_policy(build, policy: str):
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return train(build())
    finally:
        keras.config.set_dtype_policy(before)


def optimizer_values(model) -> list[list]:
    return [np.asarray(variable).tolist() for variable in model.optimizer.variables]


@pytest.mark.parametrize("build", [build_functional, build_sequential])
@pytest.mark.parametrize("key", FILES)
def test_keras_file_of_scaled_loss_comes_back_with_its_optimizer(key, build, tmp_path: Path):
    import keras

    model = train_under_policy(build, "mixed_float16")
    remark = get_format(key).save(model, tmp_path)
    assert 'keras.config.set_dtype_policy("mixed_float16")' in remark
    predictor = get_format(key).load(tmp_path)
    assert predictor.remark in remark
    assert type(predictor.model.optimizer).__name__ == "LossScaleOptimizer"
    assert optimizer_values(predictor.model) == optimizer_values(model)
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.filterwarnings("ignore:Skipping variable loading")
def test_load_model_alone_drops_the_scaled_optimizer(tmp_path: Path):
    """What the remark says of Keras: a release that changes it makes the remark wrong."""
    import keras

    get_format("keras").save(train_under_policy(build_functional, "mixed_float16"), tmp_path)
    model = keras.models.load_model(tmp_path / "model.keras")
    assert (type(model.optimizer).__name__, int(model.optimizer.iterations)) == ("Adam", 0)
    assert model.layers[-1].dtype_policy.name == "mixed_float16"


def test_needs_scaling_policy_is_false_of_what_loads_by_itself(tmp_path: Path):
    import keras

    wrapped = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    models = {
        "plain": train(build_functional()),
        "bfloat16": train_under_policy(build_functional, "mixed_bfloat16"),
        "half layers": train(build_functional(dtype="mixed_float16")),
        "wrapped by hand": train(build_functional(dtype="mixed_float16"), wrapped),
        "not compiled": build_functional(),
    }
    for name, model in models.items():
        model.save(tmp_path / f"{name}.keras")
        assert not read_file_settings(tmp_path / f"{name}.keras").needs_scaling_policy, name
    (tmp_path / "damaged.keras").write_bytes(b"PK")
    assert not read_file_settings(tmp_path / "damaged.keras").needs_scaling_policy


def build_upsampling(factor: int, jit_compile: bool):
    import keras

    inputs = keras.Input((4, 4, 1), name="x")
    model = keras.Model(inputs, keras.layers.UpSampling2D(factor, interpolation="bilinear", name="up")(inputs))
    model.compile("sgd", "mse", jit_compile=jit_compile)
    return model


@pytest.mark.parametrize("key", FILES)
def test_keras_file_that_asks_for_xla_says_so_until_it_is_auto(key, tmp_path: Path):
    import keras

    model, format_ = build_upsampling(3, jit_compile=True), get_format(key)
    expected = build_upsampling(3, jit_compile=False).predict(IMAGES, verbose=0)
    for name, options, is_said in (("asked", {}, True), ("auto", {"xla": AUTO}, False)):
        (folder := tmp_path / name).mkdir()
        remark = format_.save(model, folder, **options)
        predictor = format_.load(folder)
        assert [("jit_compile=True" in text) for text in (remark, predictor.remark)] == [is_said] * 2
        (answers,) = predictor.predict({"x": IMAGES}).values()
        assert np.array_equal(answers, expected)
        loaded = keras.models.load_model(folder / FILES[key])
        is_off = float(np.abs(loaded.predict(IMAGES, verbose=0) - expected).max()) > 0.5
        assert (loaded.jit_compile, is_off) == (is_said, is_said)


def test_auto_copy_keeps_every_other_compile_setting(tmp_path: Path):
    model = train(build_functional())
    configs = []
    for name, options in (("asked", {}), ("auto", {"xla": AUTO})):
        (folder := tmp_path / name).mkdir()
        get_format("keras").save(model, folder, **options)
        with zipfile.ZipFile(folder / "model.keras") as archive:
            configs.append(json.loads(archive.read("config.json"))["compile_config"])
    assert [config.pop("jit_compile") for config in configs] == [False, AUTO]
    assert configs[0] == configs[1]


@pytest.mark.parametrize("factor", [2, 3])
def test_probe_xla_measures_answers_of_what_asks_for_it(factor: int):
    answered = probe_xla(keras_predictor(build_upsampling(factor, jit_compile=True)), {"x": IMAGES})
    assert (answered["verdict"] in ("bit-identical", "rounding")) == (factor == 2)
    assert (answered["max_abs"] > 0.5) == (factor == 3)
    assert bool(describe_xla(answered)) == (factor == 3)
    probes = {"batches": {}, "repeats": None, "step": {}, "xla": answered}
    assert validate_probes(probes) == probes


def test_probe_xla_of_what_asks_for_none_is_none():
    assert probe_xla(keras_predictor(build_upsampling(3, jit_compile=False)), {"x": IMAGES}) is None
    assert probe_xla(SimpleNamespace(model=object()), {"x": IMAGES}) is None
