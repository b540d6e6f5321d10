"""What converters and checkpoints do unless they are told otherwise, in environments that are really built."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.environments import get_environment
from core.environments.base import SCRIPTS
from core.error_translation import translate, translate_engine_error
from core.errors import DoesNotLoad
from core.formats import get_format
from core.runtimes.base import ModelCode
from core.settings import Settings
from tests.factories.built_environments import build_or_skip
from tests.factories.optimized_onnx_files import write_optimized_files
from tests.package_registries import install_wheels

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
ROWS = np.random.default_rng(0).random((8, 4), dtype="float32")


def build_dense():
    import keras

    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(16, "relu"), keras.layers.Dense(3)])


@pytest.fixture
def python_of(built_config: Settings) -> Callable[[str], Path]:
    """A function that gives the interpreter of an environment, which it builds. Skips where no index can be reached."""
    return lambda key: build_or_skip(built_config, get_environment(key)).python


@pytest.fixture
def run_in(python_of: Callable[[str], Path]) -> Callable[..., list]:
    """A function that runs a program with the packages of an environment and our scripts there; gives its last line,
    which is JSON."""

    def run(key: str, program: str, *arguments: str | Path) -> list:
        command = [python_of(key), "-c", f"import sys\nsys.path.insert(0, {str(SCRIPTS)!r})\n{program}", *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert ended.returncode == 0, ended.stderr[-2000:]
        return json.loads(ended.stdout.splitlines()[-1])

    return run


PNNX = """
import importlib.util, json, subprocess
import ncnn, numpy as np
import onnx_ncnn
from pathlib import Path
kit = Path(sys.argv[1])
with np.load(kit / "inputs.npz") as archive:
    rows = archive["x"]
program = Path(importlib.util.find_spec("pnnx").submodule_search_locations[0]) / "pnnx"
subprocess.run([program, kit / "copy.onnx", "inputshape=[1,4]"], cwd=kit, check=True, stdout=subprocess.DEVNULL)
net = ncnn.Net()
net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
net.opt.use_bf16_storage = False
net.load_param(str(kit / "copy.ncnn.param"))
net.load_model(str(kit / "copy.ncnn.bin"))
answers = []
for row in rows:
    extractor = net.create_extractor()
    extractor.input("in0", ncnn.Mat(row).clone())
    answers.append(np.array(extractor.extract("out0")[1]).tolist())
ours = onnx_ncnn.load(kit)({"x": rows})
print(json.dumps([answers, ours["y"].tolist()]))
"""


def test_pnnx_keeps_half_precision_unless_told_otherwise(run_in, tmp_path: Path):
    model = build_dense()
    expected = model.predict(ROWS, verbose=0)
    (tmp_path / "artifact").mkdir()
    get_format("onnx").save_model(model, "keras", tmp_path / "artifact")
    shutil.copy(tmp_path / "artifact" / "model.onnx", tmp_path / "copy.onnx")  # beside which pnnx writes
    np.savez(tmp_path / "inputs.npz", x=ROWS)
    np.savez(tmp_path / "expected.npz", y=expected)
    halved, whole = (np.abs(np.array(each) - expected).max() for each in run_in("ncnn", PNNX, tmp_path))
    assert whole < 1e-6 < 3e-5 < halved < 1e-2


# Writes the kit of a Keras model for the script that converts it to Core ML.
COREML_KIT = """
import json
from pathlib import Path
import coremltools, keras, numpy as np, tensorflow as tf
import saved_model_coreml

def write_kit(model, folder):
    tf.saved_model.save(model, str(folder / "artifact" / "saved_model"))
    np.savez(folder / "inputs.npz", inputs=np.zeros((2, *model.input_shape[1:]), "float32"))
    (folder / "kit.json").write_text(json.dumps({"format": "saved_model"}))
    return folder
"""
PRECISION = f"""
{COREML_KIT}
x = keras.Input((4,), name="x")
model = keras.Model(x, keras.layers.Dense(3)(x))
function = tf.function(lambda x: model(x)).get_concrete_function(tf.TensorSpec((1, 4)))
ours, _ = saved_model_coreml.convert_model(write_kit(model, Path(sys.argv[1])))
kinds = []
for converted in (coremltools.convert([function], source="tensorflow"), ours):
    (main,) = converted.get_spec().mlProgram.functions.values()
    (block,) = main.block_specializations.values()
    (product,) = [operation for operation in block.operations if operation.type in ("linear", "matmul")]
    kinds.append(product.outputs[0].type.tensorType.dataType)
print(json.dumps([coremltools.proto.MIL_pb2.DataType.Name(kind) for kind in kinds]))
"""


def test_coremltools_computes_in_half_precision_unless_told_otherwise(run_in, tmp_path: Path):
    assert run_in("coreml", PRECISION, tmp_path) == ["FLOAT16", "FLOAT32"]


ORBAX = """
import json
from pathlib import Path
import keras, numpy as np
folder = Path(sys.argv[1])
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
model.compile("adam", "mse")
callback = keras.callbacks.OrbaxCheckpoint(folder, save_freq="epoch")
model.fit(np.ones((4, 4)), np.ones((4, 2)), epochs=2, verbose=0, callbacks=[callback])
tried = {}
for path in (folder, *folder.iterdir()):
    try:
        tried[path.name] = len(keras.saving.load_model(path).weights)
    except ValueError as error:
        tried[path.name] = str(error).partition(":")[0]
print(json.dumps(tried))
"""


def test_orbax_checkpoint_of_keras_loads_by_its_parent_folder_alone(run_in, tmp_path: Path):
    tried = run_in("orbax", ORBAX, tmp_path / "kept")
    assert tried.pop("kept") == 2
    assert len(tried) == 1
    assert set(tried.values()) == {"File format not supported"}


CHECKPOINTS = """
import json
from pathlib import Path
import keras, numpy as np, tensorflow as tf, tf_keras
folder = Path(sys.argv[1])
builds = {
    "keras": lambda: keras.Sequential([keras.Input((4,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(3)]),
    "tf-keras": lambda: tf_keras.Sequential(
        [tf_keras.Input((4,)), tf_keras.layers.Dense(16, "relu"), tf_keras.layers.Dense(3)]
    ),
}
for name, build in builds.items():
    tf.train.Checkpoint(model=build()).write(folder / name / "model")
counts = []
for source in builds:
    for build in builds.values():
        model = build()
        before = [variable.numpy() for variable in model.weights]
        tf.train.Checkpoint(model=model).read(folder / source / "model").expect_partial()  # and nothing is raised
        counts.append(sum(not np.array_equal(old, new) for old, new in zip(before, model.weights)))
print(json.dumps(counts))
"""


def read_kernels(prefix: Path) -> set[bytes]:
    """The values of the kernels in a checkpoint of TensorFlow's."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(prefix))
    return {reader.get_tensor(name).tobytes() for name in reader.get_variable_to_shape_map() if "kernel" in name}


def test_checkpoint_of_the_other_keras_changes_nothing_and_is_refused(run_in, tmp_path: Path):
    counts = run_in("tf-keras", CHECKPOINTS, tmp_path)
    assert counts == [2, 0, 0, 2]  # of its own both kernels; biases are zero before and after
    code = ModelCode(build=build_dense)
    loaded = {array.tobytes() for _, array in get_format("checkpoint").load(tmp_path / "keras", code).weights()}
    kernels = read_kernels(tmp_path / "keras" / "model")
    assert len(kernels) == 2
    assert kernels <= loaded
    with pytest.raises(AssertionError) as raised:
        get_format("checkpoint").load(tmp_path / "tf-keras", code)
    sentence = "Values in this checkpoint found no variable in the model, or variables found no value."
    assert translate(raised.value, DoesNotLoad).sentence == sentence


RECURRENT = f"""
{COREML_KIT}
told = []
for unroll in (False, True):
    x = keras.Input((5, 4), name="x")
    kit = write_kit(keras.Model(x, keras.layers.LSTM(3, unroll=unroll)(x)), Path(sys.argv[1]) / str(unroll))
    try:
        told.append(saved_model_coreml.describe_model(saved_model_coreml.convert_model(kit)[0]))
    except ValueError as error:
        told.append(str(error))
print(json.dumps(told))
"""


def test_loop_refused_by_coremltools_is_named_and_converts_unrolled(run_in, tmp_path: Path):
    refused, converted = run_in("coreml", RECURRENT, tmp_path)
    error = translate_engine_error("ValueError", refused, DoesNotLoad)
    assert error.sentence == "Core ML's converter stopped, and this model has a loop, as recurrent layers are."
    assert "unroll=True" in error.cure
    assert converted.startswith("74 operations (")
    assert {"15 sigmoid", "10 tanh"} <= set(re.findall(r"\d+ (?:sigmoid|tanh)", converted))  # of five steps


JAX = """
import json
sys.path.append(sys.argv[2])  # behind the packages of the environment
import keras, numpy as np, onnx, onnxruntime
assert keras.backend.backend() == "jax" and not keras.__file__.startswith(sys.argv[2])
told = {}
for layer in (keras.layers.Conv2D(2, 3), keras.layers.MaxPooling2D(2)):
    x = keras.Input((8, 8, 2))
    model, rows = keras.Model(x, layer(x)), np.ones((2, 8, 8, 2), "float32")
    expected, path = np.asarray(model(rows)), f"{sys.argv[1]}/{layer.name}.onnx"
    model.export(path, format="onnx", verbose=False)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    try:
        session = onnxruntime.InferenceSession(path)
        (answer,) = session.run(None, {session.get_inputs()[0].name: rows})
        told[type(layer).__name__] = float(np.abs(answer - expected).max())
    except Exception as error:
        told[type(layer).__name__] = str(error)
print(json.dumps(told))
"""


def test_onnx_exported_under_jax_passes_the_checker_and_does_not_pool(
    python_of, run_in, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    exporter = ("jax2onnx==0.17.1", "onnx==1.23.2", "onnxruntime==1.31.1")
    lock = get_environment("keras-jax").lock_path
    install_wheels(python_of("keras-jax"), tmp_path / "exporter", *exporter, constraints=lock)
    told = run_in("keras-jax", JAX, tmp_path, tmp_path / "exporter")
    assert told["Conv2D"] < 1e-5
    error = translate_engine_error("InvalidArgument", told["MaxPooling2D"], DoesNotLoad)
    assert error.sentence.startswith("ONNX Runtime does not pool over as many axes as this file asks for")


READ = """
import json
import tract
read = []
for path in sys.argv[1:]:
    try:
        tract.onnx().load(path).into_model()
        read.append(path)
    except Exception:
        pass
print(json.dumps(read))
"""


def test_tract_reads_what_onnxruntime_optimised_a_little(run_in, tmp_path: Path):
    paths = [str(path) for path in write_optimized_files(tmp_path).values()]
    assert run_in("tract", READ, tmp_path / "plain.onnx", *paths) == [str(tmp_path / "plain.onnx"), paths[0]]
