"""Keras files read as what they are: `.keras`, zipped or not, and a model's JSON alone."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from core.readers import hdf5
from core.readers.base import FileContents
from core.readers.hashing import hash_bytes, number_object_ids
from core.readers.hdf5 import open_h5
from core.readers.keras_layers import Json, list_layers
from core.runtimes.zip_member import zip_member

DOCUMENTS = ("config.json", "metadata.json")
WEIGHTS_FILE = "model.weights.h5"
JSON_LIMIT = 64 * 2**20  # bytes of one JSON document
NO_WEIGHTS_REMARK = "There are no numbers in this file, so that no layer has any stored."


def read_keras_archive(source: Path | io.BytesIO) -> FileContents:
    """Read a `.keras` file that lies on the disk or in memory."""
    with zipfile.ZipFile(source) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
        names = [name for name in sizes if name in DOCUMENTS and sizes[name] <= JSON_LIMIT]
        documents = {name: _parse_json(archive.read(name)) for name in names}
        others = {name: hash_bytes(archive.read(name)) for name in sizes if name not in (*DOCUMENTS, WEIGHTS_FILE)}
    weights = _open_archived_weights(source) if WEIGHTS_FILE in sizes else None
    files = (source,) if isinstance(source, Path) else ()
    remarks = [f"Also inside: {name}." for name in sizes if name.startswith("assets/")]
    return _build_contents(documents, weights, "Keras file", remarks, others, files)


def _open_archived_weights(source: Path | io.BytesIO) -> io.IOBase:
    """The weights inside of a `.keras` file; of one on the disk they are read where they lie."""
    if isinstance(source, Path):
        return zip_member(source, WEIGHTS_FILE)
    with zipfile.ZipFile(source) as archive:
        return io.BytesIO(archive.read(WEIGHTS_FILE))


def read_keras_folder(path: Path) -> FileContents:
    """Read a `.keras` file that is not zipped; `path` is its config.json."""
    files = {name: path.parent / name for name in (*DOCUMENTS, WEIGHTS_FILE) if (path.parent / name).is_file()}
    described = tuple(files.values())
    weights = files.pop(WEIGHTS_FILE, None)
    documents = {name: _parse_json(file.read_bytes()) for name, file in files.items()}
    return _build_contents(documents, weights, "Keras directory", [], {}, described)


def _build_contents(
    documents: Json,
    weights: Path | io.IOBase | None,
    kind: str,
    remarks: list[str],
    others: dict[str, str],
    files: tuple[Path, ...],
) -> FileContents:
    """The contents of a file or folder; `others` are hashes of what else lies in an archive."""
    config = documents.get("config.json") or {}
    if "compile_config" in config:
        documents = documents | {"compile settings": config["compile_config"]}
    file = open_h5(weights) if weights else None
    tensors = [] if file is None else hdf5.list_hdf5_tensors(file)
    counts = {} if file is None else hdf5.count_values_by_layer(file, tensors)
    return FileContents(
        kind,
        tensors=None if file is None else lambda: tensors,
        layers=lambda: list_layers(config, counts),
        config=lambda: documents,
        remarks=remarks,
        # Who wrote it, and when, stands in metadata.json.
        structure=lambda: {"config": number_object_ids(config), "others": others},
        told_files=files,
    )


def read_architecture(path: Path) -> FileContents:
    """Read a model's JSON alone."""
    config = _parse_json(path.read_bytes())
    return FileContents(
        "Keras architecture",
        layers=lambda: list_layers(config, {}),
        config=lambda: {path.name: config},
        remarks=[NO_WEIGHTS_REMARK],
        structure=lambda: number_object_ids(config),
        told_files=(path,),
    )


def _parse_json(content: bytes) -> Any:
    if len(content) > JSON_LIMIT:
        raise ValueError("The JSON document is too large to be shown")
    return json.loads(content)
