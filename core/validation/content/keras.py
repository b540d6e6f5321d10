"""Validate a .keras file, whose config the validation of the upload has read, and an architecture of its own."""

import io
import zipfile
from pathlib import Path
from typing import IO

from core.validation import limits, refusal
from core.validation.content.facts import ContentFacts
from core.validation.content.hdf5 import check_keras_3_weights, validate_objects
from core.validation.keras_config import check_config, parse_config

CHECKED_CONFIG = "Every class and function that the description of the model names"
NPY_HEADER = 10_000  # characters of a header that are looked at; NumPy's own bound


def validate_keras(folder: Path) -> ContentFacts:
    """Raises Refused."""
    with zipfile.ZipFile(folder / "model.keras") as archive:
        parse_config(archive.read("metadata.json"))
        check_config(parse_config(archive.read("config.json")))
        for name in archive.namelist():
            if name.startswith("assets/") and not name.endswith("/"):
                with archive.open(name) as stream:
                    _check_asset(stream, name)
        facts = validate_objects(io.BytesIO(archive.read("model.weights.h5")), check_keras_3_weights)
    return facts | {"checked": [CHECKED_CONFIG, *facts["checked"]]}


def validate_architecture(folder: Path) -> ContentFacts:
    """Repeat what the validation of the upload saw: it is JSON alone. Raises Refused."""
    text = (folder / "architecture.json").read_bytes()
    if len(text) > limits.MAX_JSON_BYTES:
        raise refusal("json-size")
    check_config(parse_config(text))
    return {"checked": [CHECKED_CONFIG]}


def _check_asset(stream: IO[bytes], name: str) -> None:
    if name.endswith(".npy"):
        return _check_npy_header(stream, name)
    try:
        for _ in io.TextIOWrapper(stream, encoding="utf-8"):
            pass
    except UnicodeDecodeError as error:
        raise refusal("assets", name) from error


def _check_npy_header(stream: IO[bytes], name: str) -> None:
    """Check the header of an array; not one of its values is read."""
    from numpy.lib import format as npy

    try:
        read = npy.read_array_header_1_0 if npy.read_magic(stream) == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(stream, max_header_size=NPY_HEADER)
    except (ValueError, EOFError, TypeError, SyntaxError) as error:
        raise refusal("npz", name) from error
    if dtype.hasobject or dtype.names or min(shape, default=0) < 0:
        raise refusal("npz", f"{name}: {dtype}")
