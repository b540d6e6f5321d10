"""What must be let in: a good file of each format, and what is honest and unusual."""

import io
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from core.demos import DEMOS
from core.errors import Refused
from core.settings import PROJECT
from core.validation import validate_upload
from tests.gate.conftest import LIMITS
from tests.gate.makers import (
    DENSE,
    INPUT,
    dense,
    fill_weights,
    h5,
    keras_file,
    layer,
    sequential,
    text,
    written,
    zipped,
)
from tests.gate.makers_graphs import GOOD_SAVED_MODEL
from tests.gate.makers_h5 import CONFIG, whole
from tests.gate.makers_runtimes import GOOD_XML, onnx_model, tflite

pytestmark = pytest.mark.trust
KEYS = (
    "keras",
    "h5",
    "weights",
    "architecture",
    "saved_model",
    "keras_export",
    "checkpoint",
    "litert",
    "onnx",
    "openvino",
)
NEED_TENSORFLOW = {("digits-mixed", "litert"), ("stocks-lstm", "litert")}  # LiteRT does not load these copies either
SAME = {"keras_export": "saved_model"}
ONE_FILE = {"keras", "h5", "weights", "architecture", "litert", "onnx"}


def packed(folder: Path, top: str = "") -> bytes:
    """A folder as a zip, as a person packs it: with entries for folders, and all in one folder where asked."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"{top}{path.relative_to(folder).as_posix()}")
    return out.getvalue()


def upload_of(files: Path, key: str, made: Path, top: str = "") -> tuple[Path, str]:
    if key in ONE_FILE:
        (only,) = [path for path in files.iterdir() if path.is_file()]
        return only, only.name
    return written(packed(files, top), "モデル.zip")(made)


def check(row: dict, key: str, jobs, made: Path, let_in, into: Path, top: str = "") -> None:
    files = jobs.library.verified_folder(row["artifact"])
    gated, facts = let_in(*upload_of(files, key, made, top))
    assert gated.format == SAME.get(key, key)
    assert facts["checked"]
    laid_out = {path.relative_to(into).as_posix() for path in into.rglob("*") if path.is_file()}
    kept = {path.relative_to(files).as_posix() for path in files.rglob("*") if path.is_file()}
    assert laid_out == (kept | {"checkpoint"} if key == "checkpoint" else kept)


@pytest.mark.parametrize("key", ["keras", "saved_model", "checkpoint"])
def test_a_good_file_is_let_in_under_the_names_that_the_format_uses(key, jobs, saved, made, let_in, into):
    check(saved("digits-mlp", key), key, jobs, made, let_in, into, top="my model/")


@pytest.mark.long
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("demo", [demo.key for demo in DEMOS])
def test_each_copy_of_each_demo_is_let_in(demo, key, jobs, saved_all, made, let_in, into):
    row = saved_all(demo)[key]
    if "artifact" not in row:
        pytest.skip("this format does not take this demo")
    if (demo, key) in NEED_TENSORFLOW:
        with pytest.raises(Refused) as refusal:
            let_in(*upload_of(jobs.library.verified_folder(row["artifact"]), key, made))
        assert refusal.value.rule == "tflite-operation"
        return
    check(row, key, jobs, made, let_in, into)


def test_a_folder_from_the_command_line_is_let_in_like_its_zip(jobs, saved, let_in, into):
    gated, facts = let_in(jobs.library.verified_folder(saved("digits-mlp", "saved_model")["artifact"]), "exported")
    assert (gated.format, gated.name) == ("saved_model", "exported")
    assert list(facts["graphs"][0]["signatures"]) == ["__saved_model_init_op", "serving_default"]


@pytest.mark.parametrize("flipped", [0.3, 0.6, 0.9])
def test_a_flipped_bit_in_the_values_of_a_checkpoint_is_refused(flipped, jobs, saved, made, let_in):
    shutil.copytree(jobs.library.verified_folder(saved("digits-mlp", "checkpoint")["artifact"]), made / "c")
    (values,) = (made / "c").glob("*.data-*")
    content = bytearray(values.read_bytes())
    content[int(len(content) * flipped)] ^= 1
    values.write_bytes(content)
    with pytest.raises(Refused) as refusal:
        let_in(*written(packed(made / "c"), "c.zip")(made))
    assert refusal.value.rule == "variables"


def test_an_absolute_path_to_a_checkpoint_that_is_here_is_taken_by_its_last_part(jobs, saved, made, let_in, into):
    files = jobs.library.verified_folder(saved("digits-mlp", "checkpoint")["artifact"])
    members = {path.name: path.read_bytes() for path in files.iterdir()}
    members["checkpoint"] = b'model_checkpoint_path: "/home/somebody/run/model"\n'
    gated, _ = let_in(*written(zipped(members), "c.zip")(made))
    assert gated.format == "checkpoint"
    assert (into / "checkpoint").read_text().splitlines()[0] == 'model_checkpoint_path: "model"'


def test_of_two_checkpoints_the_one_that_is_named_is_taken(made, into):
    both = {f"{name}.{end}": name.encode() for name in ("a", "b") for end in ("index", "data-00000-of-00001")}
    upload, name = written(zipped(both | {"checkpoint": b'model_checkpoint_path: "b"\n'}), "c.zip")(made)
    gated = validate_upload(upload, name, into, config=LIMITS)
    assert gated.remarks == ["Of 2 checkpoints, the latest one was taken."]
    assert (into / "model.index").read_bytes() == b"b"


TWO_IN_TWO_OUT = {
    "module": "keras.src.models.functional",
    "class_name": "Functional",
    "registered_name": "Functional",
    "config": {
        "name": "wine",
        "layers": [INPUT, INPUT, DENSE, layer("keras.src.ops.numpy", "GetItem", "GetItem")],
        "input_layers": [["a", 0, 0], ["b", 0, 0]],
        "output_layers": {"one": ["dense", 0, 0], "two": ["get_item", 0, 0]},
    },
}
MIXED = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "mixed_float16"}, "registered_name": None}
RELU = {"module": "keras.activations", "class_name": "function", "config": "relu", "registered_name": "relu"}
COMPILED = {
    "optimizer": {"module": "keras.optimizers", "class_name": "Adam", "config": {}},
    "loss": "mse",
    "metrics": ["mae"],
}
DESCRIPTIONS = {
    "small": sequential(DENSE),
    "unicode names": sequential(dense(name="слой-層-ü")),
    "names with slashes": sequential(dense(name="block1/conv")),
    "a layer without weights": sequential(layer("keras.layers", "Flatten"), DENSE),
    "mixed precision": sequential(dense(dtype=MIXED)),
    "an activation by name": sequential(dense(activation=RELU)),
    "several inputs and outputs": TWO_IN_TWO_OUT,
    "compiled": sequential(DENSE, compile_config=COMPILED),
    "words as a list": sequential(layer("keras.layers", "StringLookup", vocabulary=["a", "../b", "http://c"])),
    "a class of a demo": sequential(layer("core.demos.digits_custom", "Scale", "Scale")),
    "a model in a model": sequential(sequential(DENSE)),
    "Keras 1": {"class_name": "Sequential", "config": [{"class_name": "Convolution2D", "config": {"nb_filter": 3}}]},
    "Keras 2": {"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {"units": 1}}]}},
}


@pytest.mark.parametrize("description", DESCRIPTIONS.values(), ids=DESCRIPTIONS)
@pytest.mark.parametrize("make", [lambda one: (text(one), "model.json"), lambda one: (keras_file(one), "model.keras")])
def test_an_honest_description_is_let_in_alone_and_in_a_file_of_keras(make, description, made, let_in):
    content, name = make(description)
    assert let_in(*written(content, name)(made))[0].format in ("architecture", "keras")


@pytest.mark.parametrize(
    ("content", "name", "format"),
    [
        (lambda: h5(whole), "model.h5", "h5"),
        (lambda: h5(whole), "MODEL.HDF5", "h5"),
        (lambda: h5(fill_weights), "model.weights.h5", "weights"),
        (lambda: GOOD_SAVED_MODEL, "model.zip", "saved_model"),
        (tflite, "model.tflite", "litert"),
        (lambda: onnx_model().SerializeToString(), "model.onnx", "onnx"),
        (lambda: zipped({"a b.xml": GOOD_XML, "a b.bin": bytes(12)}), "model.zip", "openvino"),
    ],
)
def test_what_the_bad_inputs_are_made_of_is_itself_let_in(content, name, format, made, let_in):
    """Otherwise they would be refused for being badly made."""
    assert let_in(*written(content(), name)(made))[0].format == format


def test_weights_are_let_in_with_their_architecture_beside_them(made, let_in, into):
    (made / "architecture").write_bytes(CONFIG)
    upload, name = written(h5(fill_weights), "model.weights.h5")(made)
    gated, facts = let_in(upload, name, architecture=made / "architecture")
    assert (gated.format, facts["arrays"], facts["numbers"]) == ("weights", 2, 8)
    assert sorted(path.name for path in into.iterdir()) == ["architecture.json", "model.weights.h5"]


@pytest.mark.long
def test_a_saved_model_of_tensorflow_1_with_two_signatures_a_table_and_its_own_saver_is_let_in(made, let_in):
    subprocess.run([sys.executable, "-m", "tests.gate.tensorflow_1", str(made / "old")], cwd=PROJECT, check=True)
    gated, facts = let_in(*written(packed(made / "old"), "old.zip")(made))
    (graph,) = facts["graphs"]
    assert gated.format == "saved_model"
    assert list(graph["signatures"]) == ["look_up", "serving_default"]
    assert (graph["objects"], graph["assets"]) == (0, 1)
    assert graph["operations"]["VariableV2"] == 1
    assert graph["operations"]["RestoreV2"] == 1
