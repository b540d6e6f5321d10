"""What a SavedModel directory holds of a model's variables, read from its own checkpoint."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import RoundtripError
from core.formats.contract import Code, Named, Predictor
from core.formats.live import signature_predictor
from core.formats.session import InSession, has_objects, open_session, session_predictor
from core.formats.signatures import choose_signature, remarks

OLD = "It is a SavedModel of TensorFlow 1, so it was read as a graph in a session."
AS_GRAPH = "Its Python objects do not come back here, so it was read as a graph in a session"
ADD_SLOT = f"{AS_GRAPH}: it holds optimizer slots of Keras 2, which tf.saved_model.load fails on."


Read = Callable[[Path], Any]


class Opened(NamedTuple):
    """A SavedModel's signature: a concrete function with the object that owns its variables, or one in a session."""

    root: Any
    signature: Any
    remark: str


def load_saved_model(folder: Path, code: Code, read: Read) -> Predictor:
    """The predictor over a SavedModel directory, through the signature that was chosen (see `choose_signature`).

    What `read`, TensorFlow's own loader, does not read, a session does; the remark says so. Raises DoesNotLoad,
    InputError.
    """
    opened = open_saved_model(folder, code.signature, read)
    if isinstance(opened.signature, InSession):
        predictor = session_predictor(opened.signature)
    else:
        predictor = saved_model_predictor(opened.signature, opened.root, folder)
    return replace(predictor, remark=remarks(opened.remark, predictor.remark))


def open_saved_model(folder: Path, asked: str, read: Read) -> Opened:
    """The signature that answers, however the SavedModel can be read. Raises as `load_saved_model`."""
    if not has_objects(folder):
        return _in_session(folder, asked, OLD)
    try:
        root = read(folder)
    except Exception as error:  # noqa: BLE001  whatever a loader stumbles on among the objects, the graph may be whole
        return _after(error, folder, asked)
    name, remark = choose_signature(root.signatures, asked)
    return Opened(root, root.signatures[name], remark)


def _after(error: Exception, folder: Path, asked: str) -> Opened:
    """The same from a session; where that fails too, what the first loader said."""
    try:
        return _in_session(folder, asked, ADD_SLOT if "add_slot" in str(error) else f"{AS_GRAPH}.")
    except RoundtripError:
        raise
    except Exception:  # noqa: BLE001  the first error is the telling one
        raise error from None


def _in_session(folder: Path, asked: str, reason: str) -> Opened:
    held, remark = open_session(folder, asked)
    return Opened(held, held, remarks(reason, remark))


def saved_model_predictor(signature: Any, root: Any, folder: Path) -> Predictor:
    """The predictor over a signature, with weights and optimizer state told apart by where they are in the graph."""
    predictor = signature_predictor(signature, root)
    return replace(
        predictor,
        weights=lambda: _used_by(signature),
        optimizer=lambda: list(_optimizer_entries(folder)),
    )


def _used_by(signature: Any) -> Named:
    """The variables that the signature's graph reads: these are the weights that answer."""
    return [(variable.name, variable.numpy()) for variable in signature.graph.variables]


def _optimizer_entries(folder: Path) -> Iterable[tuple[str, Any]]:
    import tensorflow as tf

    if not (folder / "variables" / "variables.index").is_file():  # a model of constants alone has none
        return
    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    for key in sorted(reader.get_variable_to_shape_map()):
        if key.startswith("optimizer/") and key.endswith(".ATTRIBUTES/VARIABLE_VALUE"):
            yield key, reader.get_tensor(key)
