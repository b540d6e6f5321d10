"""How a person loads an imported file without Roundtrip: in it there is what only others write.

As the functions of `core.formats.standalone_loaders`, these are written into a `load.py` with all of ours that they
use.
"""

import zipfile
from collections.abc import Callable
from pathlib import Path

from core.formats.standalone_loaders import Classes, make_predict_function, open_structured_keras
from core.runtimes import litert as litert_runtime
from core.runtimes import onnx as onnx_runtime
from core.runtimes import openvino as openvino_runtime
from core.runtimes import saved_model as saved_model_runtime
from core.runtimes.base import Model, PredictFunction
from core.runtimes.keras_changes import LEGACY_FUNCTIONS, read_metadata_version, restore_meaning
from core.runtimes.legacy_keras import is_legacy_version, load_any_weights, load_legacy_h5, read_keras_version
from core.runtimes.rewritten_keras_file import readable_keras_file
from core.runtimes.session_signature import adapt_session, open_session


def open_any_weights(path: Path, build: Callable[[], Model]) -> PredictFunction:
    model = build()
    load_any_weights(model, path)
    return make_predict_function(model)


def open_in_session(path: Path, signature: str) -> PredictFunction:
    """As TensorFlow 1 read its models: a graph in a session. It reads those of TensorFlow 2, too."""
    return adapt_session(open_session(path, saved_model_runtime.serving_tags(path), signature).signature).predict


def open_any_keras(path: Path, classes: Classes) -> PredictFunction:
    """A .keras file of Keras 2 or 3: what changed in meaning between releases means what it meant."""
    import keras

    with readable_keras_file(path) as (readable, _), zipfile.ZipFile(path) as archive:
        model = keras.models.load_model(readable, custom_objects={**LEGACY_FUNCTIONS, **classes}, compile=False)
        restore_meaning(model, read_metadata_version(archive.read("metadata.json")))
    return make_predict_function(model)


def open_old_h5(path: Path, classes: Classes) -> PredictFunction:
    """A file of Keras 1 or 2 is read in the words of Keras 3; one of Keras 3 as it stands."""
    version = read_keras_version(path)
    if not is_legacy_version(version):
        return open_structured_keras(path, {**LEGACY_FUNCTIONS, **classes})
    return make_predict_function(load_legacy_h5(path, version, classes)[0])


def open_any_litert(path: Path, signature: str) -> PredictFunction:
    content = path.read_bytes()  # given a path, the interpreter crashes on some damaged files
    return litert_runtime.adapt_interpreter(content, litert_runtime.open_interpreter(content), signature).predict


def open_any_onnx(path: Path) -> PredictFunction:
    return onnx_runtime.adapt_session(onnx_runtime.open_file(path)[0]).predict


def open_any_openvino(path: Path) -> PredictFunction:
    return openvino_runtime.adapt_compiled_model(openvino_runtime.compile_model(path)).predict
