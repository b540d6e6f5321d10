"""Which reader a folder of files asks for, by what lies in it: so a format of a third party is looked into as well."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from core.errors import DoesNotLoad
from core.explain import explain, translate
from core.worker.describing import (
    checkpoints,
    graph_defs,
    keras_files,
    litert,
    onnx_files,
    openvino_files,
    pickles,
    safetensors_files,
    saved_models,
    shards,
)
from core.worker.describing.contents import Contents

Found = TypeVar("Found")
UNREADABLE = (
    "These files cannot be read as what their names say they are.",
    "They are damaged, or of another kind: save the run again, or bring the file in once more.",
)

# The first pattern that a file of the folder fits; the order tells `.weights.h5` from `.h5`, and a SavedModel's own
# checkpoint from another.
READERS: tuple[tuple[str, Callable[[Path], Contents]], ...] = (
    ("**/saved_model.pb", saved_models.contents),
    ("**/*.keras", keras_files.from_zip),
    ("**/*.weights.json", shards.contents),
    ("**/config.json", keras_files.from_folder),
    ("**/*.weights.h5", keras_files.weights_alone),
    ("**/*.h5", keras_files.from_h5),
    ("**/*.hdf5", keras_files.from_h5),
    ("**/*.index", checkpoints.contents),
    ("**/*.tflite", litert.contents),
    ("**/*.onnx", onnx_files.contents),
    ("**/*.xml", openvino_files.contents),
    ("**/*.safetensors", safetensors_files.contents),
    ("**/*.pkl", pickles.contents),
    ("**/*.pb", graph_defs.contents),
    ("**/*.json", keras_files.architecture),
)


def open_contents(folder: Path) -> Contents:
    """What the files in a folder can tell. Raises DoesNotLoad, also for files of which no reader knows the kind."""
    for pattern, reader in READERS:
        if path := next(iter(sorted(folder.glob(pattern))), None):
            return plainly(lambda: reader(path), folder)  # noqa: B023  called at once
    raise DoesNotLoad(
        "Nothing here knows how to look into files of this kind.",
        received=", ".join(sorted(path.name for path in folder.rglob("*") if path.is_file())[:5]) or "no file",
        cure="Its files are listed with their hashes; download them for a tool that knows them.",
    )


def plainly(action: Callable[[], Found], folder: Path) -> Found:
    """What an action gives; what it raises becomes DoesNotLoad in words."""
    try:
        return action()
    except Exception as error:
        found = translate(error, DoesNotLoad, hide=[str(folder)])
        if type(found) is DoesNotLoad and not isinstance(error, DoesNotLoad) and explain(found.detail) is None:
            found = DoesNotLoad(UNREADABLE[0], cure=UNREADABLE[1], detail=found.detail)
        raise found from error
