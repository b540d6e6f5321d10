"""The folder in which MLflow keeps a model: that is taken out of it, and what was left out is said."""

import io
import json
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from core.errors import Refused
from core.validation import ValidatedUpload, limits, validate_upload
from core.validation.mlflow_folders import (
    BESIDE,
    LEFT_OUT,
    PICKLES_LEFT_OUT,
    UNRELIABLE_VERSION,
    describe_folder_around,
)
from tests.factories.invalid_hdf5_files import write_whole_model
from tests.factories.saved_model_parts import GOOD_SAVED_MODEL
from tests.factories.untrusted_files import make_hdf5, make_keras_file, make_zip, single_file_upload
from tests.helpers import UPLOAD_SETTINGS
from tests.package_registries import install_wheels

pytestmark = pytest.mark.trust
RECORDS = {  # of MLflow 3, shortened
    "tensorflow": b"flavors:\n  python_function:\n    loader_module: mlflow.tensorflow\n"
    b"  tensorflow:\n    keras_version: 2.21.0\n",
    "keras": b"flavors:\n  keras:\n    keras_backend: tensorflow\n    keras_version: 3.15.1\n"
    b"  python_function:\n    loader_module: mlflow.keras\n",
    "module": b"flavors:\n  python_function:\n    loader_module: mlflow.tensorflow\n"
    b"  tensorflow:\n    model_type: tf2-module\n    saved_model_dir: tf2model\n",
}
OTHER_MEMBERS = {
    "conda.yaml": b"name: mlflow-env\n",
    "requirements.txt": b"tensorflow\n",
    "data/keras_module.txt": b"keras",
}
KERAS_FILE = {"data/model.keras": make_keras_file()}
PICKLES = ("data/custom_objects.cloudpickle", "data/global_custom_objects.cloudpickle")


def validate_members(made: Path, into: Path, members: dict[str, bytes], flavor: str = "keras") -> ValidatedUpload:
    members = {"MLmodel": RECORDS[flavor]} | OTHER_MEMBERS | members
    packed = make_zip({f"kept/{name}": content for name, content in members.items()})
    return validate_upload(*single_file_upload(packed, "kept.zip")(made), into, config=UPLOAD_SETTINGS)


@pytest.mark.parametrize("flavor", RECORDS)
def test_keras_file_of_mlflow_is_taken_out_and_says_so(flavor: str, upload_folder, output_folder):
    validated = validate_members(upload_folder, output_folder, KERAS_FILE, flavor)
    said = [LEFT_OUT, UNRELIABLE_VERSION] if flavor == "tensorflow" else [LEFT_OUT]
    assert (validated.format, validated.remarks) == ("keras", said)
    assert [path.name for path in output_folder.iterdir()] == ["model.keras"]
    assert (output_folder / "model.keras").read_bytes() == KERAS_FILE["data/model.keras"]


def write_folder(folder: Path, members: dict[str, bytes], flavor: str = "tensorflow") -> None:
    for name, content in ({"MLmodel": RECORDS[flavor]} | OTHER_MEMBERS | members).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def test_folder_of_mlflow_is_accepted_like_its_zip(upload_folder, output_folder):
    write_folder(upload_folder, KERAS_FILE)
    validated = validate_upload(upload_folder, "kept", output_folder, config=UPLOAD_SETTINGS)
    assert (validated.format, validated.remarks) == ("keras", [LEFT_OUT, UNRELIABLE_VERSION])


@pytest.mark.parametrize(("folder", "flavor"), [("data/model", "keras"), ("tf2model", "module"), ("tfmodel", "module")])
def test_saved_model_of_mlflow_is_taken_out_of_its_folder(folder: str, flavor: str, upload_folder, output_folder):
    with zipfile.ZipFile(io.BytesIO(GOOD_SAVED_MODEL)) as archive:
        members = {f"{folder}/{name}": archive.read(name) for name in archive.namelist()}
    validated = validate_members(upload_folder, output_folder, members, flavor)
    assert (validated.format, validated.remarks) == ("saved_model", [LEFT_OUT])
    laid_out = {path.relative_to(output_folder).as_posix() for path in output_folder.rglob("*") if path.is_file()}
    assert laid_out == {name.removeprefix(f"{folder}/") for name in members}


@pytest.mark.parametrize("place", ["data/model.keras", "data/model.h5", "data/model", "tf2model", "tfmodel"])
def test_model_found_within_a_folder_of_mlflow_says_what_lies_around_it(place: str, tmp_path: Path):
    write_folder(tmp_path / "kept", {place: b"x", PICKLES[0]: b"x"})
    said = [BESIDE, UNRELIABLE_VERSION, PICKLES_LEFT_OUT.format(PICKLES[0])]
    assert describe_folder_around(tmp_path / "kept" / place) == said
    assert describe_folder_around(tmp_path / "kept" / "data" / "other.keras") == []
    (tmp_path / "kept" / "MLmodel").unlink()
    assert describe_folder_around(tmp_path / "kept" / place) == []


@pytest.mark.parametrize("use", ["stat", "read_bytes"])
def test_record_of_mlflow_that_cannot_be_read_leaves_the_model_alone(use: str, tmp_path: Path, monkeypatch):
    write_folder(tmp_path, {"data/model.keras": b"x"})
    real = getattr(Path, use)

    def refuse(path: Path, *arguments: Any, **more: Any) -> Any:
        if path.name == "MLmodel":
            raise PermissionError(path)
        return real(path, *arguments, **more)

    monkeypatch.setattr(Path, use, refuse)
    assert describe_folder_around(tmp_path / "data" / "model.keras") == [BESIDE]


def test_first_of_two_files_of_mlflow_is_taken(upload_folder, output_folder):
    members = {"data/model.h5": make_hdf5(write_whole_model)} | KERAS_FILE
    validated = validate_members(upload_folder, output_folder, members)
    assert validated.format == "keras"
    assert [path.name for path in output_folder.iterdir()] == ["model.keras"]


@pytest.mark.parametrize("files", [PICKLES[:1], PICKLES[1:], PICKLES])
def test_pickled_code_of_mlflow_is_left_out_by_name(files: tuple[str, ...], upload_folder, output_folder):
    validated = validate_members(upload_folder, output_folder, KERAS_FILE | dict.fromkeys(files, b"x"))
    assert validated.remarks == [LEFT_OUT, PICKLES_LEFT_OUT.format(", ".join(files))]
    assert [path.name for path in output_folder.iterdir()] == ["model.keras"]


def test_record_of_mlflow_that_is_too_long_is_not_read(upload_folder, output_folder, monkeypatch: pytest.MonkeyPatch):
    limit = len(RECORDS["tensorflow"]) - 1
    monkeypatch.setattr(limits, "MAX_JSON_BYTES", limit)
    members = {"data/model.h5": make_hdf5(write_whole_model)}
    assert validate_members(upload_folder, output_folder, members, "tensorflow").remarks == [LEFT_OUT]


@pytest.mark.parametrize("members", [{"data/model.pkl": b"x"}, {"data/model/other.pb": b"x"}])
def test_folder_of_mlflow_without_keras_model_is_refused(members: dict[str, bytes], upload_folder, output_folder):
    with pytest.raises(Refused) as refusal:
        validate_members(upload_folder, output_folder, members)
    assert refusal.value.rule == "zip-missing"


# MLflow, with TensorFlow and Keras as they are here: where its packages lie, and where to write.
PROGRAM = """
import sys
from pathlib import Path
sys.path.append(sys.argv[1])
import keras, mlflow.keras, mlflow.tensorflow, numpy, tensorflow
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
folder = Path(sys.argv[2])
signature = mlflow.models.infer_signature(*(numpy.zeros((1, size), "float32") for size in (4, 2)))
for module, name, options in (
    (mlflow.tensorflow, "tensorflow", {"custom_objects": {"mine": keras.layers.Dense}}),
    (mlflow.keras, "keras", {}),
    (mlflow.keras, "exported", {"save_exported_model": True, "signature": signature}),
):
    module.save_model(model, str(folder / name), pip_requirements=["tensorflow"], **options)
plain = tensorflow.Module()
plain.rate = tensorflow.Variable([2.0, 3.0])
plain.__call__ = tensorflow.function(lambda x: x * plain.rate, [tensorflow.TensorSpec([None, 2])])
mlflow.tensorflow.save_model(plain, str(folder / "module"), pip_requirements=["tensorflow"])
print(tensorflow.__version__, *(
    mlflow.models.Model.load(folder / name).flavors[name]["keras_version"] for name in ("tensorflow", "keras")
))
"""


@pytest.mark.long
@pytest.mark.timeout(900)
def test_one_of_two_ways_of_mlflow_calls_tensorflow_keras(tmp_path: Path, output_folder: Path):
    install_wheels(sys.executable, tmp_path / "mlflow", "mlflow-skinny==3.17.2")
    command = [sys.executable, "-c", PROGRAM, tmp_path / "mlflow", tmp_path / "kept"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr[-2000:]
    tensorflow, *named = ended.stdout.split()[-3:]
    assert named == [tensorflow, version("keras")]
    assert tensorflow != version("keras")
    pickles = PICKLES_LEFT_OUT.format(PICKLES[0])
    for name, format_, said in (
        ("tensorflow", "keras", [LEFT_OUT, UNRELIABLE_VERSION, pickles]),
        ("keras", "keras", [LEFT_OUT]),
        ("exported", "saved_model", [LEFT_OUT]),
        ("module", "saved_model", [LEFT_OUT]),
    ):
        into = output_folder / name
        into.mkdir()
        validated = validate_upload(tmp_path / "kept" / name, name, into, config=UPLOAD_SETTINGS)
        assert (validated.format, validated.remarks) == (format_, said)
    with zipfile.ZipFile(output_folder / "tensorflow" / "model.keras") as archive:
        assert json.loads(archive.read("metadata.json"))["keras_version"] == version("keras")
