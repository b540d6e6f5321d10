"""The variables of a live model: listed, paired with the arrays of a file, and counted against what was written.

Keras puts the names of the models around a layer before a path, or leaves them out, as the model was made: the
"p/kernel" of a Sequential that is read from its config was "sequential_7/p/kernel" where it was written in code. What
has no name of its own is numbered afresh in each process.

Keras and TensorFlow walk the parts of a model to save and to load it, and pass in silence over those that they do not
find: layers in a list of lists, say. So what is in the files is counted against `model.weights`.
"""

import contextlib
import io
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core.arrays import Arrays, NamedArrays
from core.errors import CannotSave, DoesNotLoad
from core.runtimes.base import Model, Predictor
from core.runtimes.call_arguments import call_model
from core.runtimes.model_kinds import ModelFile, model_kind
from core.runtimes.preservation import KERAS_SEEDS


def with_variables(predictor: Predictor) -> Predictor:
    return replace(
        predictor,
        weights=lambda: _read_variables(weight_variables(predictor.model)),
        optimizer_state=lambda: _read_variables(optimizer_variables(predictor.model)),
    )


def weight_variables(model: Model) -> list[Any]:
    """Every variable that the predictions may depend on, in the model's own order; the optimizer's are left out."""
    if model_kind(model) == "keras":
        return list(model.weights)
    state = {id(variable) for variable in optimizer_variables(model)}
    return [variable for variable in model.variables if id(variable) not in state]


def optimizer_variables(model: Model) -> list[Any]:
    """The optimizer's variables (step, learning rate, moments), empty when the model carries no optimizer."""
    optimizer = getattr(model, "optimizer", None)
    return list(getattr(optimizer, "variables", ()) or ())


def variables_by_path(variables: Iterable[Any], prefix: str = "") -> dict[str, Any]:
    """Variables by path without the prefix; where several have one path, the later ones are numbered in their order."""
    by_path: dict[str, Any] = {}
    for variable in variables:
        path = base = getattr(variable, "path", variable.name).removesuffix(":0").removeprefix(prefix)
        count = 1
        while path in by_path:
            count += 1
            path = f"{base}_{count}"
        by_path[path] = variable
    return by_path


def finalize_layers(model: Model) -> None:
    """Let layers take up numbers that were assigned: a scale that was learned from data is kept twice."""
    for layer in model._flatten_layers() if hasattr(model, "_flatten_layers") else ():
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def _read_variables(variables: list[Any]) -> NamedArrays:
    return [(getattr(variable, "path", variable.name), read_variable(variable)) for variable in variables]


def read_variable(variable: Any) -> np.ndarray:
    """The value that a variable has now, read-only; without a copy where its memory can be read as it is.

    TensorFlow writes elsewhere as long as somebody holds it.
    """
    import tensorflow as tf

    try:
        return np.asarray(memoryview(tf.convert_to_tensor(variable)))
    except (TypeError, ValueError, BufferError):  # text, narrow numbers, and what is no plain tensor
        return np.asarray(variable)


def build_optimizer(model: Model) -> None:
    """Make the optimizer's variables, which a loader can fill only if they exist; nothing where there is none to build.

    Keras makes them at the first step, and skips saved state that finds no variable without an exception.
    """
    if build := getattr(getattr(model, "optimizer", None), "build", None):
        build(model.trainable_variables)


def weight_bytes(model: Model) -> int:
    """Bytes that the variables of a live model take, without reading them."""
    import tensorflow as tf

    if isinstance(model, ModelFile):
        return model.size_bytes
    variables = {id(variable): variable for variable in getattr(model, "weights", None) or model.variables}
    return sum(math.prod(variable.shape) * tf.as_dtype(variable.dtype).size for variable in variables.values())


Shapes = Mapping[str, tuple[int, ...]]


def pair_variables(variables: Sequence[Any], stored: Shapes, order: Sequence[str] = ()) -> dict[str, Any]:
    """The variable of each name in a file: by equal names, by names of which one ends with the other, else by order.

    Args:
        variables: Those of the model, in its order.
        stored: The shapes of the arrays by name.
        order: The names in the order of the model that was saved; empty where the file does not say.

    Raises DoesNotLoad where they do not pair one to one, in equal shapes.
    """
    own = variables_by_path(variables)
    pairs = {name: own[name] for name in stored if name in own}
    if len(pairs) == len(stored) == len(own):
        return pairs
    paired = _pair_by_ending(own, stored) or _pair_in_order(own, stored, order)
    if paired is None:
        raise _misfit_error(set(own), set(stored))
    return paired


def _pair_by_ending(own: Mapping[str, Any], stored: Shapes) -> dict[str, Any] | None:
    """None where a name ends as several others do, or as none."""
    candidates = {name: [path for path in own if _is_same_ending(name, path)] for name in stored}
    paths = {paths[0] for paths in candidates.values() if len(paths) == 1}
    if not len(paths) == len(stored) == len(own):
        return None
    pairs = {name: own[paths[0]] for name, paths in candidates.items()}
    return pairs if _has_equal_shapes(pairs, stored) else None


def _is_same_ending(name: str, path: str) -> bool:
    short, long = sorted((name, path), key=len)
    return short == long or long.endswith(f"/{short}")


def _pair_in_order(own: Mapping[str, Any], stored: Shapes, order: Sequence[str]) -> dict[str, Any] | None:
    """None where the last parts of the names or the shapes differ anywhere."""
    if set(order) != set(stored) or not len(order) == len(stored) == len(own):
        return None
    pairs = dict(zip(order, own.values(), strict=True))
    ends = zip(order, own, strict=True)
    same = all(_last_part(name) == _last_part(path) for name, path in ends)
    return pairs if same and _has_equal_shapes(pairs, stored) else None


def _last_part(path: str) -> str:
    return path.rpartition("/")[2].rstrip("_0123456789")


def _has_equal_shapes(pairs: Mapping[str, Any], stored: Shapes) -> bool:
    return all(tuple(variable.shape) == tuple(stored[name]) for name, variable in pairs.items())


def _misfit_error(own: set[str], stored: set[str]) -> DoesNotLoad:
    missing, unknown = (", ".join(sorted(names)) for names in (own - stored, stored - own))
    return DoesNotLoad(
        f"The names in the file are not those of the model: {len(own & stored)} of {len(own)} agree.",
        received=unknown or "nothing else",
        cure=f"Use the architecture that it came from. Missing: {missing or 'none'}.",
    )


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
