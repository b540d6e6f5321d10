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
from tests.factories.invalid_hdf5_files import DENSE_CONFIG_JSON, write_whole_model
from tests.factories.invalid_runtime_files import VALID_XML, make_onnx_model, make_tflite
from tests.factories.saved_model_parts import GOOD_SAVED_MODEL
from tests.factories.untrusted_files import (
    DENSE,
    INPUT_LAYER,
    dense_config,
    layer_config,
    make_hdf5,
    make_keras_file,
    make_zip,
    sequential_config,
    single_file_upload,
    to_json_bytes,
    write_dense_weights,
)
from tests.helpers import UPLOAD_SETTINGS

pytestmark = pytest.mark.trust
FORMAT_KEYS = (
    "keras",
    "h5",
    "weights",
    "weights_sharded",
    "architecture",
    "saved_model",
    "keras_export",
    "checkpoint",
    "litert",
    "onnx",
    "openvino",
)
NEED_TENSORFLOW = {("digits-mixed", "litert"), ("stocks-lstm", "litert")}  # LiteRT does not load these copies either
STORED_AS = {"keras_export": "saved_model"}
ONE_FILE = {"keras", "h5", "weights", "architecture", "litert", "onnx"}


def zip_folder(folder: Path, top: str = "") -> bytes:
    """A folder as a zip, as a person packs it: with entries for folders, and all in one folder where asked."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"{top}{path.relative_to(folder).as_posix()}")
    return out.getvalue()


def make_upload(files: Path, key: str, made: Path, top: str = "") -> tuple[Path, str]:
    if key in ONE_FILE:
        (only,) = [path for path in files.iterdir() if path.is_file()]
        return only, only.name
    return single_file_upload(zip_folder(files, top), "モデル.zip")(made)


def assert_accepted(row: dict, key: str, jobs, made: Path, validate, into: Path, top: str = "") -> None:
    files = jobs.library.verified_folder(row["artifact"])
    validated, facts = validate(*make_upload(files, key, made, top))
    assert validated.format == STORED_AS.get(key, key)
    assert facts["checked"]
    laid_out = {path.relative_to(into).as_posix() for path in into.rglob("*") if path.is_file()}
    stored = {path.relative_to(files).as_posix() for path in files.rglob("*") if path.is_file()}
    assert laid_out == (stored | {"checkpoint"} if key == "checkpoint" else stored)


@pytest.mark.parametrize("key", ["keras", "saved_model", "checkpoint"])
def test_valid_upload_is_accepted_under_the_names_of_its_format(
    key, jobs, saved, upload_folder, validate, output_folder
):
    assert_accepted(saved("digits-mlp", key), key, jobs, upload_folder, validate, output_folder, top="my model/")


@pytest.mark.long
@pytest.mark.parametrize("key", FORMAT_KEYS)
@pytest.mark.parametrize("demo", [demo.key for demo in DEMOS])
def test_artifact_of_every_demo_and_format_is_accepted(
    demo, key, jobs, saved_all, upload_folder, validate, output_folder
):
    row = saved_all(demo)[key]
    if "artifact" not in row:
        pytest.skip("this format does not take this demo")
    if (demo, key) in NEED_TENSORFLOW:
        with pytest.raises(Refused) as refusal:
            validate(*make_upload(jobs.library.verified_folder(row["artifact"]), key, upload_folder))
        assert refusal.value.rule == "tflite-operation"
        return
    assert_accepted(row, key, jobs, upload_folder, validate, output_folder)


def test_saved_model_folder_is_accepted_like_its_zip(jobs, saved, validate, output_folder):
    validated, facts = validate(
        jobs.library.verified_folder(saved("digits-mlp", "saved_model")["artifact"]), "exported"
    )
    assert (validated.format, validated.name) == ("saved_model", "exported")
    assert list(facts["graphs"][0]["signatures"]) == ["__saved_model_init_op", "serving_default"]


@pytest.mark.parametrize("flipped", [0.3, 0.6, 0.9])
def test_a_flipped_bit_in_the_values_of_a_checkpoint_is_refused(flipped, jobs, saved, upload_folder, validate):
    shutil.copytree(jobs.library.verified_folder(saved("digits-mlp", "checkpoint")["artifact"]), upload_folder / "c")
    (values,) = (upload_folder / "c").glob("*.data-*")
    content = bytearray(values.read_bytes())
    content[int(len(content) * flipped)] ^= 1
    values.write_bytes(content)
    with pytest.raises(Refused) as refusal:
        validate(*single_file_upload(zip_folder(upload_folder / "c"), "c.zip")(upload_folder))
    assert refusal.value.rule == "variables"


def test_checkpoint_state_with_absolute_path_uses_its_file_name(jobs, saved, upload_folder, validate, output_folder):
    files = jobs.library.verified_folder(saved("digits-mlp", "checkpoint")["artifact"])
    members = {path.name: path.read_bytes() for path in files.iterdir()}
    members["checkpoint"] = b'model_checkpoint_path: "/home/somebody/run/model"\n'
    validated, _ = validate(*single_file_upload(make_zip(members), "c.zip")(upload_folder))
    assert validated.format == "checkpoint"
    assert (output_folder / "checkpoint").read_text().splitlines()[0] == 'model_checkpoint_path: "model"'


def test_latest_of_two_checkpoints_is_accepted_with_remark(upload_folder, output_folder):
    both = {f"{name}.{end}": name.encode() for name in ("a", "b") for end in ("index", "data-00000-of-00001")}
    upload, name = single_file_upload(make_zip(both | {"checkpoint": b'model_checkpoint_path: "b"\n'}), "c.zip")(
        upload_folder
    )
    validated = validate_upload(upload, name, output_folder, config=UPLOAD_SETTINGS)
    assert validated.remarks == ["Of 2 checkpoints, the latest one was taken."]
    assert (output_folder / "model.index").read_bytes() == b"b"


TWO_IN_TWO_OUT = {
    "module": "keras.src.models.functional",
    "class_name": "Functional",
    "registered_name": "Functional",
    "config": {
        "name": "wine",
        "layers": [INPUT_LAYER, INPUT_LAYER, DENSE, layer_config("keras.src.ops.numpy", "GetItem", "GetItem")],
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
VALID_CONFIGS = {
    "small": sequential_config(DENSE),
    "unicode names": sequential_config(dense_config(name="слой-層-ü")),
    "names with slashes": sequential_config(dense_config(name="block1/conv")),
    "a layer without weights": sequential_config(layer_config("keras.layers", "Flatten"), DENSE),
    "mixed precision": sequential_config(dense_config(dtype=MIXED)),
    "an activation by name": sequential_config(dense_config(activation=RELU)),
    "several inputs and outputs": TWO_IN_TWO_OUT,
    "compiled": sequential_config(DENSE, compile_config=COMPILED),
    "words as a list": sequential_config(
        layer_config("keras.layers", "StringLookup", vocabulary=["a", "../b", "http://c"])
    ),
    "a class of a demo": sequential_config(layer_config("core.demos.digits_custom", "Scale", "Scale")),
    "a model in a model": sequential_config(sequential_config(DENSE)),
    "Keras 1": {"class_name": "Sequential", "config": [{"class_name": "Convolution2D", "config": {"nb_filter": 3}}]},
    "Keras 2": {"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {"units": 1}}]}},
}


@pytest.mark.parametrize("description", VALID_CONFIGS.values(), ids=VALID_CONFIGS)
@pytest.mark.parametrize(
    "make", [lambda item: (to_json_bytes(item), "model.json"), lambda entry: (make_keras_file(entry), "model.keras")]
)
def test_valid_config_is_accepted_alone_and_in_keras_file(make, description, upload_folder, validate):
    content, name = make(description)
    assert validate(*single_file_upload(content, name)(upload_folder))[0].format in ("architecture", "keras")


@pytest.mark.parametrize(
    ("content", "name", "format"),
    [
        (lambda: make_hdf5(write_whole_model), "model.h5", "h5"),
        (lambda: make_hdf5(write_whole_model), "MODEL.HDF5", "h5"),
        (lambda: make_hdf5(write_dense_weights), "model.weights.h5", "weights"),
        (lambda: GOOD_SAVED_MODEL, "model.zip", "saved_model"),
        (make_tflite, "model.tflite", "litert"),
        (lambda: make_onnx_model().SerializeToString(), "model.onnx", "onnx"),
        (lambda: make_zip({"a b.xml": VALID_XML, "a b.bin": bytes(12)}), "model.zip", "openvino"),
    ],
)
def test_base_files_of_invalid_uploads_are_accepted(content, name, format, upload_folder, validate):
    """Otherwise they would be refused for being badly made."""
    assert validate(*single_file_upload(content(), name)(upload_folder))[0].format == format


def test_weights_with_architecture_file_are_accepted(upload_folder, validate, output_folder):
    (upload_folder / "architecture").write_bytes(DENSE_CONFIG_JSON)
    upload, name = single_file_upload(make_hdf5(write_dense_weights), "model.weights.h5")(upload_folder)
    validated, facts = validate(upload, name, architecture=upload_folder / "architecture")
    assert (validated.format, facts["arrays"], facts["numbers"]) == ("weights", 2, 8)
    assert sorted(path.name for path in output_folder.iterdir()) == ["architecture.json", "model.weights.h5"]


@pytest.mark.long
def test_tf1_saved_model_with_signatures_table_and_saver_is_accepted(upload_folder, validate):
    subprocess.run(
        [sys.executable, "-m", "tests.factories.tensorflow_1_saved_model", str(upload_folder / "old")],
        cwd=PROJECT,
        check=True,
    )
    validated, facts = validate(*single_file_upload(zip_folder(upload_folder / "old"), "old.zip")(upload_folder))
    (graph,) = facts["graphs"]
    assert validated.format == "saved_model"
    assert list(graph["signatures"]) == ["look_up", "serving_default"]
    assert (graph["objects"], graph["assets"]) == (0, 1)
    assert graph["operations"]["VariableV2"] == 1
    assert graph["operations"]["RestoreV2"] == 1
