"""Keras' own files, read as what they are: a zip or a folder with JSON and HDF5 in it, one HDF5 file, or JSON alone."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from core.worker.describing import hdf5, keras_configs
from core.worker.describing.contents import Contents

WEIGHTS_FILE = "model.weights.h5"
JSON_LIMIT = 64 * 2**20  # bytes of one JSON document
NO_NUMBERS = "There are no numbers in this file, so that no layer has any stored."


def from_zip(path: Path) -> Contents:
    """A `.keras` file."""
    return from_archive(path)


def from_archive(source: Path | io.BytesIO) -> Contents:
    """The parts of a `.keras` file that lies on the disk or in memory."""
    with zipfile.ZipFile(source) as archive:
        members = {one.filename: one.file_size for one in archive.infolist()}
        documents = {name: _json(archive.read(name)) for name in members if _is_document(name, members[name])}
        weights = archive.read(WEIGHTS_FILE) if WEIGHTS_FILE in members else None
    remarks = [f"Also inside: {name}." for name in members if name.startswith("assets/")]
    return _from_parts(documents, _opened(io.BytesIO(weights)) if weights else None, "Keras file", remarks)


def _is_document(name: str, size: int) -> bool:
    return name in ("config.json", "metadata.json") and size <= JSON_LIMIT


def from_folder(path: Path) -> Contents:
    """A `.keras` file that is not zipped; `path` is its config.json."""
    names = ("config.json", "metadata.json")
    documents = {name: _json((path.parent / name).read_bytes()) for name in names if (path.parent / name).is_file()}
    weights = path.parent / WEIGHTS_FILE
    return _from_parts(documents, _opened(weights) if weights.is_file() else None, "Keras directory", [])


def _from_parts(documents: dict[str, Any], file: Any, kind: str, remarks: list[str]) -> Contents:
    config = documents.get("config.json") or {}
    if "compile_config" in config:
        documents = documents | {"compile settings": config["compile_config"]}
    found = [] if file is None else hdf5.tensors(file)
    counts = {} if file is None else hdf5.values_by_layer(file, found)
    return Contents(
        kind,
        tensors=None if file is None else lambda: found,
        layers=lambda: keras_configs.layers(config, counts),
        config=lambda: documents,
        remarks=remarks,
    )


def weights_alone(path: Path) -> Contents:
    """A `.weights.h5` file."""
    file = _opened(path)
    return Contents("Keras weights", tensors=lambda: hdf5.tensors(file))


def from_h5(path: Path) -> Contents:
    """A `.h5` file of Keras 1, 2 or 3: the whole model, or weights alone."""
    file = _opened(path)
    found = hdf5.tensors(file)
    documents = {name: hdf5.json_attribute(file, name) for name in ("model_config", "training_config")}
    documents = {name: one for name, one in documents.items() if one is not None}
    config = documents.get("model_config")
    if written := hdf5.text_attributes(file):
        documents["written by"] = written
    return Contents(
        "Keras HDF5 file",
        tensors=lambda: found,
        layers=None if config is None else lambda: keras_configs.layers(config, hdf5.values_by_layer(file, found)),
        config=lambda: documents,
    )


def architecture(path: Path) -> Contents:
    """A model's JSON alone."""
    config = _json(path.read_bytes())
    return Contents(
        "Keras architecture",
        layers=lambda: keras_configs.layers(config, {}),
        config=lambda: {path.name: config},
        remarks=[NO_NUMBERS],
    )


def _opened(source: Path | io.BytesIO) -> Any:
    import h5py

    return h5py.File(source, "r")


def _json(content: bytes) -> Any:
    if len(content) > JSON_LIMIT:
        raise ValueError("The JSON document is too large to be shown")
    return json.loads(content)
