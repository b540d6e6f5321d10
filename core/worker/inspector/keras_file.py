"""A .keras file from outside: its weights and what lies beside them. The gate has read its config."""

import io
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

from core.gate import limits, refused
from core.gate.config import check_config, read_config
from core.worker.inspector.hdf5 import weights_inside

CHECKED = "Every class and function that the description of the model names"
NPY_HEADER = 10_000  # characters of a header that are looked at; NumPy's own bound


def inspect_keras(folder: Path) -> dict[str, Any]:
    """Raises Refused."""
    with zipfile.ZipFile(folder / "model.keras") as archive:
        metadata = read_config(archive.read("metadata.json"))
        config = read_config(archive.read("config.json"))
        check_config(config)
        for name in archive.namelist():
            if name.startswith("assets/") and not name.endswith("/"):
                _check_asset(archive, name)
        facts = weights_inside(io.BytesIO(archive.read("model.weights.h5")))
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    checked = [CHECKED, *facts["checked"]]
    return facts | {"checked": checked, "class": config["class_name"], "keras_version": str(version or "")[:32]}


def inspect_architecture(folder: Path) -> dict[str, Any]:
    """Raises Refused. It is JSON alone, so this repeats what the gate saw and adds what the model is."""
    text = (folder / "architecture.json").read_bytes()
    if len(text) > limits.JSON:
        raise refused("json-size")
    config = read_config(text)
    check_config(config)
    return {"checked": [CHECKED], "class": config["class_name"]}


def _check_asset(archive: zipfile.ZipFile, name: str) -> None:
    with archive.open(name) as stream:
        if name.endswith(".npy"):
            check_npy(stream, name)
        else:
            _check_text(stream, name)


def _check_text(stream: BinaryIO, name: str) -> None:
    try:
        for _ in io.TextIOWrapper(stream, encoding="utf-8"):
            pass
    except UnicodeDecodeError as error:
        raise refused("assets", name) from error


def check_npy(stream: BinaryIO, name: str) -> None:
    """Hold the header of an array against the rules; not one of its values is read. Raises Refused."""
    from numpy.lib import format as npy

    try:
        read = npy.read_array_header_1_0 if npy.read_magic(stream) == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(stream, max_header_size=NPY_HEADER)
    except (ValueError, EOFError, TypeError, SyntaxError) as error:
        raise refused("npz", name) from error
    if dtype.hasobject or dtype.names or min(shape, default=0) < 0:
        raise refused("npz", f"{name}: {dtype}")
