"""SavedModels as predictors: a TensorFlow 2 object, or where that cannot be read a graph in a TensorFlow 1 session."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.arrays import NamedTensors, hash_array
from core.errors import DoesNotLoad, RoundtripError
from core.runtimes.base import ModelCode, Predictor, join_remarks
from core.runtimes.session_signature import OpenedSignature, SessionSignature, open_session, session_predictor
from core.runtimes.signatures import choose_signature, signature_predictor
from core.runtimes.variables import read_variable

SAVED_MODEL_FILE = "saved_model.pb"
VALUE_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"  # of a key in a checkpoint
SERVING_TAG = "serve"
TF1_REMARK = "It is a SavedModel of TensorFlow 1, so it was read as a graph in a session."
GRAPH_REMARK = "Its Python objects do not come back here, so it was read as a graph in a session"
KERAS_2_REMARK = f"{GRAPH_REMARK}: it holds optimizer slots of Keras 2, which tf.saved_model.load fails on."

SavedModelLoader = Callable[[Path], Any]


def load_saved_model(folder: Path, code: ModelCode, loader: SavedModelLoader) -> Predictor:
    """The predictor over a SavedModel directory, through the signature that was chosen (see `choose_signature`).

    What `loader`, TensorFlow's own, does not read, a session does; the remark says so. Raises DoesNotLoad, InputError.
    """
    opened = open_signature(folder, code.signature, loader)
    if isinstance(opened.signature, SessionSignature):
        predictor = session_predictor(opened.signature)
    else:
        predictor = _function_predictor(opened.signature, opened.root, folder)
    return replace(predictor, remark=join_remarks(opened.remark, predictor.remark))


def open_signature(folder: Path, name: str, loader: SavedModelLoader) -> OpenedSignature:
    """The signature that predicts, however the SavedModel can be read. Raises as `load_saved_model`."""
    if not _has_object_graph(folder):
        return open_session(folder, serving_tags(folder), name, TF1_REMARK)
    try:
        root = loader(folder)
    except Exception as error:  # noqa: BLE001  whatever a loader stumbles on among the objects, the graph may be whole
        return _retry_in_session(error, folder, name)
    chosen, remark = choose_signature(root.signatures, name)
    return OpenedSignature(root, root.signatures[chosen], remark)


def _retry_in_session(error: Exception, folder: Path, name: str) -> OpenedSignature:
    """The same from a session; where that fails too, the error of the first loader."""
    try:
        remark = KERAS_2_REMARK if "add_slot" in str(error) else f"{GRAPH_REMARK}."
        return open_session(folder, serving_tags(folder), name, remark)
    except RoundtripError:
        raise
    except Exception:  # noqa: BLE001  the first error is the telling one
        raise error from None


def serving_tags(folder: Path) -> list[str]:
    """The tags of the graph for serving; else of the first."""
    tags: list[list[str]] = [list(graph.meta_info_def.tags) for graph in _read_meta_graphs(folder)]
    if not tags:
        raise DoesNotLoad("This SavedModel holds no graph.", cure="Save it again.")
    return min(tags, key=lambda tag: (tag != [SERVING_TAG], SERVING_TAG not in tag))


def _has_object_graph(folder: Path) -> bool:
    """Whether a SavedModel says which objects it was made of; those of TensorFlow 1 do not."""
    return any(len(graph.object_graph_def.nodes) for graph in _read_meta_graphs(folder))


def signature_names(folder: Path) -> set[str]:
    """The names of all signatures of a SavedModel."""
    return {name for graph in _read_meta_graphs(folder) for name in graph.signature_def}


def read_serving_graph(folder: Path) -> tuple[Any, Any]:
    """The GraphDef for serving, and its signatures by name, as they stand in the file."""
    tags = serving_tags(folder)
    graph = next(graph for graph in _read_meta_graphs(folder) if list(graph.meta_info_def.tags) == tags)
    return graph.graph_def, graph.signature_def


def _read_meta_graphs(folder: Path) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    return saved_model_pb2.SavedModel.FromString((folder / SAVED_MODEL_FILE).read_bytes()).meta_graphs


def _function_predictor(signature: Any, root: Any, folder: Path) -> Predictor:
    """The predictor over a function: its weights are the variables that its graph reads."""
    return replace(
        signature_predictor(signature, root),
        weights=lambda: [(variable.name, read_variable(variable)) for variable in signature.graph.variables],
        optimizer_state=lambda: list(_read_stored_variables(folder, of_optimizer=True)),
        unread_weights=lambda: _read_unread_weights(signature, folder),
    )


def _read_unread_weights(signature: Any, folder: Path) -> NamedTensors:
    """What the files store beside the variables that the graph reads: an export may store each one twice."""
    read = Counter(hash_array(read_variable(variable)) for variable in signature.graph.variables)
    for name, array in _read_stored_variables(folder, of_optimizer=False):
        digest = hash_array(array)
        if not read[digest]:
            yield name, array
        read[digest] -= bool(read[digest])


def _read_stored_variables(folder: Path, of_optimizer: bool) -> NamedTensors:
    """The variables in the files, by key, one at a time: those of the optimizer, or all others."""
    import tensorflow as tf

    if not (folder / "variables" / "variables.index").is_file():  # a model of constants alone has none
        return
    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    for key in sorted(reader.get_variable_to_shape_map()):
        if key.endswith(VALUE_SUFFIX) and key.startswith("optimizer/") == of_optimizer:
            yield key.removesuffix(VALUE_SUFFIX), reader.get_tensor(key)
