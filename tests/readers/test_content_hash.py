"""The content hash: equal where two copies say the same, and other where one weight or one operation does not."""

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.formats import FORMATS, get_format
from core.readers.content_hash import hash_content
from core.settings import PROJECT
from tests.parameter_pairs import drawn_values

INPUTS = {"x": np.linspace(-1, 1, 64, dtype="float32").reshape(8, 2, 2, 2)}
QUICK_FORMATS = ("keras", "h5", "weights", "checkpoint", "keras_dir", "safetensors", "saved_model", "keras_export")
WITHOUT_GRAPH = {"weights", "weights_sharded", "checkpoint", "safetensors"}
WITHOUT_WEIGHTS = {"architecture"}
HASHED_BY_BYTES = {"stablehlo"}  # which names its functions by a number that counts up
Save = Callable[[str, Path], Path]


def build_model(first_weight: float = 0.5, activation: str = "relu"):
    """A model of two layers with weights that are the same in every process."""
    import keras

    inputs = keras.Input((2, 2, 2), name="x")
    hidden = keras.layers.Dense(3, activation=activation, name="hidden")(keras.layers.Flatten(name="flat")(inputs))
    model = keras.Model(inputs, [keras.layers.Dense(2, name=name)(hidden) for name in ("a", "b")], name="m")
    model.set_weights([np.linspace(-1, 1, w.size).reshape(w.shape) for w in model.get_weights()])
    weights = model.get_weights()
    weights[0][0, 0] = first_weight
    model.set_weights(weights)
    model.compile(keras.optimizers.Adam(name="adam"), "mse")
    model(INPUTS["x"])
    return model


def save_model(key: str, folder: Path, **changes) -> Path:
    folder.mkdir(parents=True)
    get_format(key).save_model(build_model(**changes), "keras", folder, samples=lambda: INPUTS)
    return folder


@pytest.mark.parametrize("key", drawn_values(QUICK_FORMATS, 2))
def test_content_hash_is_of_what_a_copy_says(key, tmp_path: Path):
    first, second = (hash_content(save_model(key, tmp_path / name)) for name in ("first", "second"))
    other_weight = hash_content(save_model(key, tmp_path / "weight", first_weight=0.25))
    other_graph = hash_content(save_model(key, tmp_path / "graph", activation="tanh"))
    assert second == first
    assert other_weight.sha256 != first.sha256
    assert other_weight.weights != first.weights
    assert (other_graph.sha256 == first.sha256) == (key in WITHOUT_GRAPH)
    assert other_graph.weights == first.weights


def test_weights_are_hashed_alike_in_every_format(tmp_path: Path):
    hashes = {key: hash_content(save_model(key, tmp_path / key)) for key in QUICK_FORMATS}
    assert len({each.weights for each in hashes.values()}) == 1
    assert len({each.sha256 for each in hashes.values()}) == len(hashes)


def rewrite_keras_file(folder: Path, change: Callable[[dict], None]) -> None:
    """Write a .keras file again, as on another day by another release, with a change of its config."""
    path = folder / "model.keras"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in reversed(archive.namelist())}
    config = json.loads(members["config.json"])
    change(config)
    members["config.json"] = json.dumps(config).encode()
    members["metadata.json"] = b'{"keras_version": "3.12.0", "date_saved": "2025-01-01@00:00:00"}'
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def shift_object_ids(value) -> None:
    if isinstance(value, dict):
        if "shared_object_id" in value:
            value["shared_object_id"] += 1000
        for item in value.values():
            shift_object_ids(item)
    for item in value if isinstance(value, list) else ():
        shift_object_ids(item)


def test_dates_ids_and_order_of_keras_file_are_no_content(tmp_path: Path):
    folder = save_model("keras", tmp_path / "first")
    before, content = hash_content(folder), (folder / "model.keras").read_bytes()
    rewrite_keras_file(folder, shift_object_ids)
    assert (folder / "model.keras").read_bytes() != content
    assert hash_content(folder) == before
    rewrite_keras_file(folder, lambda config: config["config"].update(name="other"))
    assert hash_content(folder).sha256 != before.sha256


def test_file_beside_a_copy_is_content(tmp_path: Path):
    folder = save_model("weights", tmp_path / "first")
    before = hash_content(folder)
    (folder / "labels.txt").write_text("cat")
    with_labels = hash_content(folder)
    (folder / "labels.txt").write_text("dog")
    assert len({before.sha256, with_labels.sha256, hash_content(folder).sha256}) == 3
    assert with_labels.weights == before.weights


def write_onnx(folder: Path, prefix: str, alpha: float = 0.5, is_turned: bool = False) -> Path:
    """A small ONNX file whose inner names begin with a prefix, with two nodes that may stand in either order."""
    import onnx
    from onnx import TensorProto, helper

    folder.mkdir()
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in ("x", "y")]
    constant = helper.make_tensor(f"{prefix}w", TensorProto.FLOAT, [2], [1.0, 2.0])
    nodes = [
        helper.make_node("LeakyRelu", ["x"], [f"{prefix}a"], alpha=alpha, doc_string=prefix),
        helper.make_node("Mul", ["x", f"{prefix}w"], [f"{prefix}b"], name=f"{prefix}mul"),
    ]
    nodes = [*(reversed(nodes) if is_turned else nodes), helper.make_node("Sub", [f"{prefix}a", f"{prefix}b"], ["y"])]
    graph = helper.make_graph(nodes, prefix, sides[:1], sides[1:], [constant])
    onnx.save(helper.make_model(graph, producer_name=prefix), folder / "model.onnx")
    return folder


def test_inner_names_and_order_of_onnx_file_are_no_content(tmp_path: Path):
    first = hash_content(write_onnx(tmp_path / "first", "a"))
    assert hash_content(write_onnx(tmp_path / "renamed", "b", is_turned=True)) == first
    assert hash_content(write_onnx(tmp_path / "alpha", "a", alpha=0.25)).sha256 != first.sha256


@pytest.mark.long
def test_exports_of_two_processes_have_one_content_hash(tmp_path: Path):
    """Two Pythons of other hash seeds, of which one has built other models before."""
    code = "import sys, pathlib; from tests.readers import test_content_hash as test; test.save_all(*sys.argv[1:])"
    for seed, name in ((1, "first"), (2, "second")):
        command = [sys.executable, "-c", code, str(tmp_path / name), str(seed - 1)]
        environment = {"PYTHONHASHSEED": str(seed), "PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin"}
        subprocess.run(command, check=True, capture_output=True, env=environment, cwd=PROJECT)
    keys = sorted(path.name for path in (tmp_path / "first").iterdir())
    hashes = {key: [hash_content(tmp_path / name / key) for name in ("first", "second")] for key in keys}
    assert len(keys) > len(FORMATS) - 3
    assert {"keras", "keras_export", "onnx"} <= {key for key in keys if _bytes_differ(key, tmp_path)}
    assert {key for key, (first, second) in hashes.items() if first != second} == HASHED_BY_BYTES
    for key in keys:
        changed = hash_content(save_model(key, tmp_path / "changed" / key, first_weight=0.25, activation="tanh"))
        assert changed.sha256 != hashes[key][0].sha256, key


def _bytes_differ(key: str, folder: Path) -> bool:
    first, second = (folder / name / key for name in ("first", "second"))
    files = [path.relative_to(first) for path in first.rglob("*") if path.is_file()]
    return any((first / file).read_bytes() != (second / file).read_bytes() for file in files)


def save_all(folder: str, models_before: str) -> None:
    for _ in range(int(models_before)):
        build_model()
    for format_ in FORMATS:
        path = save_or_skip(format_.key, Path(folder) / format_.key)
        if path is None:
            shutil.rmtree(Path(folder) / format_.key)


def save_or_skip(key: str, folder: Path) -> Path | None:
    """None where a format does not take this model, or its package is missing."""
    from core.errors import RoundtripError

    try:
        return save_model(key, folder)
    except RoundtripError:
        return None
