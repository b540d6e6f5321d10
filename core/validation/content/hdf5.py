"""HDF5, .h5, .weights.h5 and .keras contents.

HDF5 from outside: only plain arrays of numbers in groups, each where it lies, of the size that it says.

A .keras file from outside: its weights and what lies beside them. The gate has read its config.
"""

import io
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from core.validation import limits, refusal
from core.validation.keras_config import check_config, check_entries, parse_config

DEFLATE, SHUFFLE, FLETCHER = 1, 2, 3  # the filters that Keras' users have: numbers of HDF5
CHECKED_ARRAYS = "Links, outside storage, filters, types and sizes of every array in the HDF5 file"
MAX_ATTRIBUTE_TEXTS = 100_000  # texts in one attribute, as the names of layers are


def validate_h5(folder: Path) -> dict[str, Any]:
    """A whole model of Keras 1, 2 or 3. Raises Refused."""
    return validate_hdf5_objects(folder / "model.h5", _check_model_attributes)


def validate_weights_h5(folder: Path) -> dict[str, Any]:
    """Weights as Keras 3 lays them out. Raises Refused."""
    return validate_hdf5_objects(folder / "model.weights.h5", _check_weights_only)


def validate_embedded_weights(stream: BinaryIO) -> dict[str, Any]:
    """The weights in a .keras file. Raises Refused."""
    return validate_hdf5_objects(stream, _check_weights_only)


def validate_hdf5_objects(source: Path | BinaryIO, check_root: Any) -> dict[str, Any]:
    """Open an HDF5 file, hold every object in it against the rules, then `check` its root; gives the facts."""
    import h5py

    with h5py.File(source, "r") as file:
        seen = {"arrays": 0, "numbers": 0, "bytes": 0}
        for array in _walk_datasets(file):
            seen["arrays"] += 1
            seen["numbers"] += math.prod(array.shape)
            seen["bytes"] += _declared(array)
            if seen["bytes"] > limits.max_unpacked_bytes():
                raise refusal("h5-size", f"{seen['bytes']:,} bytes")
        return {"checked": [CHECKED_ARRAYS]} | seen | check_root(file)


def _walk_datasets(file: Any) -> Iterator[Any]:
    """Every dataset in the file; each object must be reached by one hard link alone."""
    import h5py

    waiting, places = [(file["/"], 0)], set()
    while waiting:
        one, depth = waiting.pop()
        _check_attributes(one)
        place = h5py.h5o.get_info(one.id).addr
        if place in places:
            raise refusal("h5-link", one.name)
        places.add(place)
        if len(places) > limits.MAX_H5_OBJECTS or depth > limits.MAX_H5_DEPTH:
            raise refusal("h5-many" if depth <= limits.MAX_H5_DEPTH else "h5-depth")
        if isinstance(one, h5py.Dataset):
            _check_dataset(one)
            yield one
        elif isinstance(one, h5py.Group):
            waiting.extend((inner, depth + 1) for inner in _children(one, len(places) + len(waiting)))
        else:
            raise refusal("h5-dtype", one.name)


def _children(group: Any, object_count: int) -> list[Any]:
    import h5py

    if len(group) + object_count > limits.MAX_H5_OBJECTS:
        raise refusal("h5-many", f"{len(group) + object_count:,}")
    names = list(group)
    for name in names:
        if group.id.links.get_info(name.encode("utf-8", "surrogateescape")).type != h5py.h5l.TYPE_HARD:
            raise refusal("h5-link", name)
    return [group[name] for name in names]


def _check_attributes(hdf5_object: Any) -> None:
    import h5py

    if h5py.h5a.get_num_attrs(hdf5_object.id) > limits.MAX_H5_ATTRIBUTES:
        raise refusal("h5-many", f"{h5py.h5a.get_num_attrs(hdf5_object.id):,} attributes")
    for index in range(h5py.h5a.get_num_attrs(hdf5_object.id)):
        attribute = h5py.h5a.open(hdf5_object.id, index=index)
        kind = attribute.get_type().get_class()
        if kind not in (h5py.h5t.STRING, h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM):
            raise refusal("h5-dtype", attribute.name.decode("utf-8", "replace"))
        count = math.prod(attribute.shape)
        if count > MAX_ATTRIBUTE_TEXTS or count * attribute.get_type().get_size() > limits.MAX_H5_ATTRIBUTE_BYTES:
            raise refusal("h5-size", attribute.name.decode("utf-8", "replace"))


def _check_dataset(array: Any) -> None:
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
    stored = array.id.get_storage_size()
    if _declared(array) > max(stored * limits.MAX_EXPANSION, limits.EXPANSION_FLOOR_BYTES):
        raise refusal("h5-size", f"{array.name}: {_declared(array):,} bytes, of which {stored:,} are stored")


def _declared(array: Any) -> int:
    return math.prod(array.shape) * array.id.get_type().get_size()


def _check_model_attributes(file: Any) -> dict[str, Any]:
    if "model_config" not in file.attrs:
        raise refusal("h5-weights-only")
    config = parse_config(_read_text_attribute(file, "model_config"))
    check_config(config)
    if "training_config" in file.attrs:
        check_entries(parse_config(_read_text_attribute(file, "training_config")))
    version = (
        _read_text_attribute(file, "keras_version").decode("utf-8", "replace") if "keras_version" in file.attrs else ""
    )
    return {"class": config["class_name"], "keras_version": version[:32]}


def _read_text_attribute(file: Any, name: str) -> bytes:
    """A text that hangs on the root of the file. Raises Refused for anything but one text."""
    import h5py

    attribute = h5py.h5a.open(file.id, name.encode())
    if attribute.shape != () or attribute.get_type().get_class() != h5py.h5t.STRING:
        raise refusal("config-shape", name)
    found = file.attrs[name]
    return found if isinstance(found, bytes) else str(found).encode("utf-8", "surrogateescape")


def _check_weights_only(file: Any) -> dict[str, Any]:
    if "model_config" in file.attrs or "layer_names" in file.attrs:
        raise refusal("h5-not-weights")
    return {"groups": sorted(file)[:64]}


CHECKED_CONFIG = "Every class and function that the description of the model names"
NPY_HEADER = 10_000  # characters of a header that are looked at; NumPy's own bound


def validate_keras(folder: Path) -> dict[str, Any]:
    """Raises Refused."""
    with zipfile.ZipFile(folder / "model.keras") as archive:
        metadata = parse_config(archive.read("metadata.json"))
        config = parse_config(archive.read("config.json"))
        check_config(config)
        for name in archive.namelist():
            if name.startswith("assets/") and not name.endswith("/"):
                _check_asset(archive, name)
        facts = validate_embedded_weights(io.BytesIO(archive.read("model.weights.h5")))
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    checked = [CHECKED_CONFIG, *facts["checked"]]
    return facts | {"checked": checked, "class": config["class_name"], "keras_version": str(version or "")[:32]}


def validate_architecture(folder: Path) -> dict[str, Any]:
    """Raises Refused. It is JSON alone, so this repeats what the gate saw and adds what the model is."""
    text = (folder / "architecture.json").read_bytes()
    if len(text) > limits.MAX_JSON_BYTES:
        raise refusal("json-size")
    config = parse_config(text)
    check_config(config)
    return {"checked": [CHECKED_CONFIG], "class": config["class_name"]}


def _check_asset(archive: zipfile.ZipFile, name: str) -> None:
    with archive.open(name) as stream:
        if name.endswith(".npy"):
            check_npy_header(stream, name)
        else:
            _check_text(stream, name)


def _check_text(stream: BinaryIO, name: str) -> None:
    try:
        for _ in io.TextIOWrapper(stream, encoding="utf-8"):
            pass
    except UnicodeDecodeError as error:
        raise refusal("assets", name) from error


def check_npy_header(stream: BinaryIO, name: str) -> None:
    """Hold the header of an array against the rules; not one of its values is read. Raises Refused."""
    from numpy.lib import format as npy

    try:
        read = npy.read_array_header_1_0 if npy.read_magic(stream) == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(stream, max_header_size=NPY_HEADER)
    except (ValueError, EOFError, TypeError, SyntaxError) as error:
        raise refusal("npz", name) from error
    if dtype.hasobject or dtype.names or min(shape, default=0) < 0:
        raise refusal("npz", f"{name}: {dtype}")
