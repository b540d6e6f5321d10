"""Readers of model files: one for each kind of file, chosen by what lies in the folder."""

from collections.abc import Callable
from pathlib import Path

from core.errors import DoesNotLoad
from core.readers import (
    checkpoint,
    graph_def,
    hdf5,
    keras,
    litert,
    onnx,
    openvino,
    pickle,
    safetensors,
    saved_model,
    stablehlo,
)
from core.readers.base import FileContents, translated_read_errors

# The first pattern that a file of the folder fits; the order tells `.weights.h5` from `.h5`, and a SavedModel's own
# checkpoint from another. Formats of third parties are read by them as well.
READERS: tuple[tuple[str, Callable[[Path], FileContents]], ...] = (
    ("**/saved_model.pb", saved_model.read_saved_model),
    ("**/*.keras", keras.read_keras_archive),
    ("**/*.weights.json", hdf5.read_sharded_weights),
    ("**/config.json", keras.read_keras_folder),
    ("**/*.weights.h5", hdf5.read_weights_h5),
    ("**/*.h5", hdf5.read_h5),
    ("**/*.hdf5", hdf5.read_h5),
    ("**/*.index", checkpoint.read_checkpoint),
    ("**/*.tflite", litert.read_litert),
    ("**/*.onnx", onnx.read_onnx),
    ("**/*.xml", openvino.read_openvino),
    ("**/*.mlirbc", stablehlo.read_stablehlo),
    ("**/*.safetensors", safetensors.read_safetensors),
    ("**/*.pkl", pickle.read_pickle),
    ("**/*.pb", graph_def.read_graph_def),
    ("**/*.json", keras.read_architecture),
)


def open_contents(folder: Path) -> FileContents:
    """Open the files in a folder. Raises DoesNotLoad, also for files that no reader knows."""
    for pattern, reader in READERS:
        if path := min(folder.glob(pattern), default=None):
            with translated_read_errors(folder):
                return reader(path)
    raise DoesNotLoad(
        "Nothing here knows how to look into files of this kind.",
        received=", ".join(sorted(path.name for path in folder.rglob("*") if path.is_file())[:5]) or "no file",
        cure="Its files are listed with their hashes; download them for a tool that knows them.",
    )
