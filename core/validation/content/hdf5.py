"""Validate HDF5: only plain arrays of numbers in groups, each where it lies, of the size that it says."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from core.runtimes.shards import INDEX_FILE, read_shard_index
from core.validation import limits, refusal
from core.validation.content.facts import ContentFacts
from core.validation.keras_config import check_config, check_entries, parse_config

DEFLATE, SHUFFLE, FLETCHER = 1, 2, 3  # HDF5's numbers of the filters that Keras' users have
CHECKED_ARRAYS = "Links, outside storage, filters, types and sizes of every array in the HDF5 file"
OLD_WEIGHTS_ATTRIBUTE = "layer_names"  # on the root of weights of Keras 1 and 2
KERAS_3_GROUPS = {"layers", "_layer_checkpoint_dependencies"}
CHECKED_INDEX = "That every array which the index names is in its file"
MAX_ATTRIBUTE_TEXTS = 100_000  # texts in one attribute, as the names of layers are


def validate_h5(folder: Path) -> ContentFacts:
    """Validate a whole model of Keras 1, 2 or 3. Raises Refused."""
    return validate_objects(folder / "model.h5", _check_model)


def validate_weights_h5(folder: Path) -> ContentFacts:
    """Validate weights alone, of Keras 1, 2 or 3. Raises Refused."""
    return validate_objects(folder / "model.weights.h5", check_weights)


def validate_shards(folder: Path) -> ContentFacts:
    """Validate weights in shards: each file, and that it holds what the index looks for in it. Raises Refused."""
    index = read_shard_index(parse_config((folder / INDEX_FILE).read_bytes()))
    arrays = numbers = 0
    for name, groups in index.items():
        facts = validate_objects(folder / name, partial(_check_shard, groups=groups))
        arrays, numbers = arrays + facts["arrays"], numbers + facts["numbers"]
    return {"checked": [CHECKED_ARRAYS, CHECKED_INDEX], "arrays": arrays, "numbers": numbers}


def _check_shard(file: Any, groups: list[str]) -> None:
    check_weights(file)
    if lost := [group for group in groups if group not in file]:
        raise refusal("shard-missing", lost[0])


def validate_objects(source: Path | BinaryIO, check_root: Callable[[Any], None]) -> ContentFacts:
    """Check every object in an HDF5 file, then its root by `check_root`. Raises Refused."""
    import h5py

    arrays, numbers, size = 0, 0, 0
    with h5py.File(source, "r") as file:
        for array in _walk_arrays(file):
            arrays += 1
            numbers += math.prod(array.shape)
            size += _declared_bytes(array)
            if size > limits.max_unpacked_bytes():
                raise refusal("h5-size", f"{size:,} bytes")
        check_root(file)
    return {"checked": [CHECKED_ARRAYS], "arrays": arrays, "numbers": numbers}


def _walk_arrays(file: Any) -> Iterator[Any]:
    """Yield every array of the file, checked; each object must be reached by one hard link alone."""
    import h5py

    waiting, places = [(file["/"], 0)], set()
    while waiting:
        item, depth = waiting.pop()
        _check_attributes(item)
        place = h5py.h5o.get_info(item.id).addr
        if place in places:
            raise refusal("h5-link", item.name)
        places.add(place)
        if depth > limits.MAX_H5_DEPTH:
            raise refusal("h5-depth")
        if len(places) > limits.MAX_H5_OBJECTS:
            raise refusal("h5-many")
        if isinstance(item, h5py.Dataset):
            _check_array(item)
            yield item
        elif isinstance(item, h5py.Group):
            waiting.extend((child, depth + 1) for child in _children(item, len(places) + len(waiting)))
        else:
            raise refusal("h5-dtype", item.name)


def _children(group: Any, object_count: int) -> list[Any]:
    import h5py

    if (count := len(group) + object_count) > limits.MAX_H5_OBJECTS:
        raise refusal("h5-many", f"{count:,}")
    names = list(group)
    for name in names:
        if group.id.links.get_info(name.encode("utf-8", "surrogateescape")).type != h5py.h5l.TYPE_HARD:
            raise refusal("h5-link", name)
    return [group[name] for name in names]


def _check_attributes(item: Any) -> None:
    import h5py

    if (attributes := h5py.h5a.get_num_attrs(item.id)) > limits.MAX_H5_ATTRIBUTES:
        raise refusal("h5-many", f"{attributes:,} attributes")
    for index in range(attributes):
        attribute = h5py.h5a.open(item.id, index=index)
        name, dtype = attribute.name.decode("utf-8", "replace"), attribute.get_type()
        if dtype.get_class() not in (h5py.h5t.STRING, h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM):
            raise refusal("h5-dtype", name)
        count = math.prod(attribute.shape)
        if count > MAX_ATTRIBUTE_TEXTS or count * dtype.get_size() > limits.MAX_H5_ATTRIBUTE_BYTES:
            raise refusal("h5-size", name)


def _check_array(array: Any) -> None:
    import h5py

    plan = array.id.get_create_plist()
    if array.is_virtual or plan.get_external_count():
        raise refusal("h5-external", array.name)
    filters = {plan.get_filter(index)[0] for index in range(plan.get_nfilters())}
    if filters - {DEFLATE, SHUFFLE, FLETCHER}:
        raise refusal("h5-filter", array.name)
    if array.id.get_type().get_class() not in (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM):
        raise refusal("h5-dtype", array.name)
    if array.shape is None:
        raise refusal("h5-size", array.name)
    stored, declared = array.id.get_storage_size(), _declared_bytes(array)
    if declared > max(stored * limits.MAX_EXPANSION, limits.EXPANSION_FLOOR_BYTES):
        raise refusal("h5-size", f"{array.name}: {declared:,} bytes, of which {stored:,} are stored")


def _declared_bytes(array: Any) -> int:
    return int(math.prod(array.shape) * array.id.get_type().get_size())


def _check_model(file: Any) -> None:
    if "model_config" not in file.attrs:
        raise refusal("h5-weights-only" if _holds_keras_weights(file) else "h5-not-keras")
    check_config(parse_config(_read_text_attribute(file, "model_config")))
    if "training_config" in file.attrs:
        check_entries(parse_config(_read_text_attribute(file, "training_config")))
    if "keras_version" in file.attrs:
        _read_text_attribute(file, "keras_version")


def _read_text_attribute(file: Any, name: str) -> bytes:
    """Return a text that hangs on the root of the file. Raises Refused for anything but one text."""
    import h5py

    attribute = h5py.h5a.open(file.id, name.encode())
    if attribute.shape != () or attribute.get_type().get_class() != h5py.h5t.STRING:
        raise refusal("config-shape", name)
    text = file.attrs[name]
    return text if isinstance(text, bytes) else str(text).encode("utf-8", "surrogateescape")


def _holds_keras_weights(file: Any) -> bool:
    """Whether there are weights in it as Keras 1 and 2 laid them out, or Keras 3."""
    if OLD_WEIGHTS_ATTRIBUTE in file.attrs or KERAS_3_GROUPS & set(file):
        return True
    return bool(file.visit(lambda path: path.rpartition("/")[2] == "vars" or None))


def check_weights(file: Any) -> None:
    """Check that no whole model lies in the place of weights. Raises Refused."""
    if "model_config" in file.attrs:
        raise refusal("h5-not-weights")


def check_keras_3_weights(file: Any) -> None:
    """Check the root of weights as Keras 3 lays them out. Raises Refused."""
    check_weights(file)
    if OLD_WEIGHTS_ATTRIBUTE in file.attrs:
        raise refusal("h5-not-weights")
