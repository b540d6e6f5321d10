"""Which weights of a model are not in the files that were written of it, or that it was loaded from.

Keras and TensorFlow walk the parts of a model to save and to load it, and pass in silence over those that they do not
find: layers in a list of lists, say. So what is in the files is counted against `model.weights`.
"""

import contextlib
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.errors import CannotSave
from core.runtimes.base import Model
from core.runtimes.call_arguments import call_model
from core.runtimes.preservation import KERAS_SEEDS
from core.runtimes.variables import weight_variables

# Adapters are merged into the kernel that they adapt, whose array is in the file.
MERGED_PATTERN = re.compile(r"lora_\w+_[ab]$")
OPTIMIZER_GROUP = "optimizer"


def find_untracked_weights(model: Model, folder: Path) -> list[str]:
    """The weights that a checkpoint does not reach through the object graph, by name; `folder` does not matter."""
    import tensorflow as tf

    reached = {id(part) for part in tf.train.TrackableView(model).descendants()}
    return [_name(each) for each in weight_variables(model) if id(each) not in reached]


def find_unheld_variables(model: Model, inputs: Arrays) -> list[str]:
    """The variables that the answers of a Keras model come from and that Keras does not find in it, by name: those of
    layers in a deque, and TensorFlow's own. The model is traced on the shapes of `inputs`, by name, and not run."""
    import tensorflow as tf
    from keras.src.backend.common import global_state

    feed = {name: tf.TensorSpec(array.shape, tf.constant(array[:1]).dtype) for name, array in inputs.items()}
    traced = tf.function(lambda tensors: call_model(model, tensors), autograph=False).get_concrete_function(feed)
    seeds = global_state.get_global_attribute(KERAS_SEEDS)  # random state of the program, and of no model
    known = [*model.variables, *model.metrics_variables, *([seeds.state] if seeds else [])]
    held = {id(getattr(each, "_value", each)) for each in known}
    return sorted(str(each.name).removesuffix(":0") for each in traced.graph.variables if id(each) not in held)


def find_weights_missing_from_hdf5(model: Model, files: Iterable[Path | io.IOBase], group: str = "/") -> list[str]:
    """The weights for which the group of that name in some HDF5 files has no array left over, by name.

    Arrays go by their shapes: only where too few have the same are values read. What a class of a person's own leaves
    out in its `save_own_variables` is left out on purpose.
    """
    import h5py

    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(h5py.File(file, "r")) for file in files]
        arrays = [array for file in opened if group in file for array in _walk_arrays(file[group], h5py.Dataset)]
        return _name_missing(_expected_weights(model), arrays)


def _walk_arrays(group: Any, array_type: type) -> Iterator[Any]:
    for name, item in group.items():
        if isinstance(item, array_type):
            yield item
        elif not (name == OPTIMIZER_GROUP and group.name == "/"):
            yield from _walk_arrays(item, array_type)


def _expected_weights(model: Model) -> list[Any]:
    """The weights that ought to be in a file."""
    on_purpose = {id(each) for layer in model._flatten_layers() if _has_own_saving(layer) for each in layer.weights}
    weights = [each for each in model.weights if id(each) not in on_purpose]
    return [each for each in weights if not MERGED_PATTERN.search(_name(each))]


def _has_own_saving(layer: Any) -> bool:
    """Whether a class that is none of Keras' says which of its variables are saved."""
    return str(type(layer).save_own_variables.__module__).partition(".")[0] != "keras"


def _name_missing(weights: list[Any], arrays: list[Any]) -> list[str]:
    by_shape: dict[tuple[int, ...], list[Any]] = defaultdict(list)
    for array in arrays:
        by_shape[tuple(array.shape)].append(array)
    counts = Counter(tuple(each.shape) for each in weights)
    short = {shape for shape, count in counts.items() if count > len(by_shape[shape])}
    values = Counter((shape, np.asarray(array).tobytes()) for shape in short for array in by_shape[shape])
    missing = []
    for each in weights:
        if (shape := tuple(each.shape)) in short:
            key = shape, np.asarray(each).tobytes()
            values[key] -= 1
            if values[key] < 0:
                missing.append(_name(each))
    return missing


def _name(variable: Any) -> str:
    return str(getattr(variable, "path", variable.name))


def require_distinct_names(model: Model) -> None:
    """Require that no layer has two weights of one name: an HDF5 file takes each once. Raises CannotSave."""
    for layer in model.layers:
        counts = Counter(variable.path for variable in {id(each): each for each in layer.weights}.values())
        if repeated := [path for path, count in counts.items() if count > 1]:
            owner, _, name = repeated[0].rpartition("/")
            owner = owner.rpartition("/")[2] or layer.name
            raise CannotSave(
                f"The layer '{owner}' has {counts[repeated[0]]} weights named '{name}', which an HDF5 file takes once.",
                cure="Give them names of their own in add_weight(name=...), or save as .keras.",
            )
