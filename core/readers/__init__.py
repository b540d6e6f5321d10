"""Which reader a folder of files asks for, by what lies in it: so a format of a third party is looked into as well."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from core.errors import DoesNotLoad
from core.explain import match_known_error, translate
from core.readers import checkpoint, graph_def, keras, litert, onnx, openvino, pickle, safetensors, saved_model
from core.readers.base import FileContents

Result = TypeVar("Found")
UNREADABLE = (
    "These files cannot be read as what their names say they are.",
    "They are damaged, or of another kind: save the run again, or bring the file in once more.",
)

# The first pattern that a file of the folder fits; the order tells `.weights.h5` from `.h5`, and a SavedModel's own
# checkpoint from another.
READERS: tuple[tuple[str, Callable[[Path], FileContents]], ...] = (
    ("**/saved_model.pb", saved_model.read_saved_model),
    ("**/*.keras", keras.read_keras_file),
    ("**/*.weights.json", keras.read_sharded_weights),
    ("**/config.json", keras.read_keras_folder),
    ("**/*.weights.h5", keras.read_weights_h5),
    ("**/*.h5", keras.read_h5),
    ("**/*.hdf5", keras.read_h5),
    ("**/*.index", checkpoint.read_checkpoint),
    ("**/*.tflite", litert.read_litert),
    ("**/*.onnx", onnx.read_onnx),
    ("**/*.xml", openvino.read_openvino),
    ("**/*.safetensors", safetensors.read_safetensors),
    ("**/*.pkl", pickle.read_pickle),
    ("**/*.pb", graph_def.read_graph_def),
    ("**/*.json", keras.read_architecture),
)


def open_contents(folder: Path) -> FileContents:
    """What the files in a folder can tell. Raises DoesNotLoad, also for files of which no reader knows the kind."""
    for pattern, reader in READERS:
        if path := next(iter(sorted(folder.glob(pattern))), None):
            return translate_read_errors(lambda: reader(path), folder)  # noqa: B023  called at once
    raise DoesNotLoad(
        "Nothing here knows how to look into files of this kind.",
        received=", ".join(sorted(path.name for path in folder.rglob("*") if path.is_file())[:5]) or "no file",
        cure="Its files are listed with their hashes; download them for a tool that knows them.",
    )


def translate_read_errors(action: Callable[[], Result], folder: Path) -> Result:
    """What an action gives; what it raises becomes DoesNotLoad in words."""
    try:
        return action()
    except Exception as error:
        found = translate(error, DoesNotLoad, hidden_paths=[str(folder)])
        if (
            type(found) is DoesNotLoad
            and not isinstance(error, DoesNotLoad)
            and match_known_error(found.detail) is None
        ):
            found = DoesNotLoad(UNREADABLE[0], cure=UNREADABLE[1], detail=found.detail)
        raise found from error
