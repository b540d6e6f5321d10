"""Sound copies: the same model, written in another way; plain libraries alone."""

import copy
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.oracle.config_mutants import CONFIGS, open_config
from tests.oracle.graph_files import ARRAY_FORMATS, onnx_graph, open_arrays
from tests.oracle.mutants import KERAS, WEIGHTS, keras_members


class SoundWay(NamedTuple):
    """One way to write a sound copy anew."""

    format: str
    name: str
    write: Callable[[Path], None]


def save_by_plain_keras(folder: Path) -> None:
    import keras

    if (path := folder / "model").is_dir():
        model = keras.saving.load_model(path)
        shutil.rmtree(path)  # Keras does not save into a folder that is there
        model.save(path, zipped=False)
        return
    path = next(path for path in folder.iterdir() if path.suffix in (".keras", ".h5"))
    keras.saving.load_model(path).save(path)


def zip_with_compression(folder: Path) -> None:
    with keras_members(folder, zipfile.ZIP_DEFLATED):
        pass


def zip_in_other_order(folder: Path) -> None:
    with keras_members(folder, reverse=True):
        pass


def indent_config(folder: Path) -> None:
    with keras_members(folder) as members:
        config = json.loads(members["config.json"])
        members["config.json"] = json.dumps(config, indent=3, sort_keys=True).encode()


def rename_model(folder: Path) -> None:
    """The name of the model is for people; no answer, weight or setting depends on it."""
    with open_config(folder) as config:
        config["config"]["name"] = "another_name"


def indent_architecture(folder: Path) -> None:
    path = folder / "architecture.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=3, sort_keys=True))


def copy_hdf5(folder: Path) -> None:
    """The same groups and arrays in another file, written in the other order."""
    import h5py

    path = next(folder.glob("*.h5"))
    content = io.BytesIO(path.read_bytes())
    with h5py.File(content) as old, h5py.File(path, "w") as new:
        new.attrs.update(copy.copy(dict(old.attrs)))
        for name in reversed(list(old)):
            old.copy(name, new)


def write_again(format_key: str) -> Callable[[Path], None]:
    """Everything read and written anew."""

    def write(folder: Path) -> None:
        with open_arrays(format_key, folder):
            pass

    return write


def reorder_initializers(folder: Path) -> None:
    """The same initializers in the other order."""
    with onnx_graph(folder) as graph:
        each = list(graph.initializer)[::-1]
        del graph.initializer[:]
        graph.initializer.extend(each)


def rename_initializers(folder: Path) -> None:
    """Other names inside of the graph: those of inputs and outputs stay."""
    with onnx_graph(folder) as graph:
        names = {each.name: f"renamed_{at}" for at, each in enumerate(graph.initializer)}
        for each in graph.initializer:
            each.name = names[each.name]
        for node in graph.node:
            node.input[:] = [names.get(name, name) for name in node.input]


def save_by_plain_openvino(folder: Path) -> None:
    import openvino

    model = openvino.Core().read_model(folder / "model.xml").clone()
    for path in folder.iterdir():
        path.unlink()
    openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)


SOUND_WAYS = [
    *(SoundWay(key, "saved by plain Keras", save_by_plain_keras) for key in ("keras", "keras_dir", "h5")),
    SoundWay("keras", "zipped with compression", zip_with_compression),
    SoundWay("keras", "zipped in another order", zip_in_other_order),
    *(SoundWay(key, "config written with spaces", indent_config) for key in KERAS),
    SoundWay("architecture", "config written with spaces", indent_architecture),
    *(SoundWay(key, "model renamed", rename_model) for key in CONFIGS),
    *(SoundWay(key, "written in another order", copy_hdf5) for key in ("h5", *WEIGHTS)),
    *(SoundWay(key, "read and written anew", write_again(key)) for key in ARRAY_FORMATS),
    SoundWay("onnx", "initializers in another order", reorder_initializers),
    SoundWay("onnx", "initializers renamed", rename_initializers),
    SoundWay("openvino", "saved by plain OpenVINO", save_by_plain_openvino),
]
