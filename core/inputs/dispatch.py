"""Choose the parser of an input file by its first bytes, and by its name only where those leave a choice."""

from collections.abc import Sequence
from pathlib import Path

from core.errors import InputError
from core.inputs.fitting import InputSpecs
from core.inputs.from_csv import csv_source
from core.inputs.from_images import image_source
from core.inputs.from_json import json_source
from core.inputs.from_npz import npy_source, npz_source
from core.inputs.source import InputSource, require_size

DATA_SUFFIXES = ("csv", "json", "npz", "npy")
IMAGE_SUFFIXES = ("png", "jpg", "jpeg")
SUPPORTED_SUFFIXES = DATA_SUFFIXES + IMAGE_SUFFIXES
IMAGE_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


def open_source(
    paths: Sequence[Path], specs: InputSpecs, image_shape: Sequence[int] | None, max_bytes: int
) -> InputSource:
    """Open the inputs in a NPZ, NPY, CSV or JSON file of at most `max_bytes`, or in one or more PNG or JPEG images.

    Raises InputError when there is no such file, or nothing in it that fits.
    """
    if not paths:
        raise InputError("There is no file.", cure="Choose one.")
    magics = [_read_magic(path) for path in paths]
    if all(magic.startswith(IMAGE_MAGIC) for magic in magics):
        return image_source(paths, specs, image_shape)
    if len(paths) > 1:
        sentence = "Of several files all must be pictures."
        raise InputError(sentence, received=f"{len(paths)} files", cure="Choose a single other file.")
    return _open_single(paths[0], magics[0], specs, max_bytes)


def _open_single(path: Path, magic: bytes, specs: InputSpecs, max_bytes: int) -> InputSource:
    if magic.startswith(b"PK"):
        return npz_source(path, max_bytes)
    if magic.startswith(b"\x93NUMPY"):
        return npy_source(path, max_bytes)
    require_size(path.stat().st_size, max_bytes)
    first, suffix = magic.removeprefix(b"\xef\xbb\xbf").lstrip()[:1], path.suffix.lower()[1:]
    if suffix == "json" or (first in (b"{", b"[") and suffix != "csv"):
        return json_source(path, specs, max_bytes)
    if suffix in ("npz", "npy", *IMAGE_SUFFIXES):
        sentence = f"The file is not what its name says: it does not begin as a {path.suffix[1:].upper()} file does."
        raise InputError(sentence, cure="Write it again.")
    return csv_source(path, specs, max_bytes)


def _read_magic(path: Path) -> bytes:
    """Return the first bytes of a file. Raises InputError when it cannot be read, or is empty."""
    try:
        with path.open("rb") as file:
            magic = file.read(64)
    except OSError as error:
        sentence = "There is no such file, or it may not be read."
        cure = "Give the path of a NPZ, NPY, CSV, JSON, PNG or JPEG file."
        raise InputError(sentence, received=str(path)[-200:], cure=cure) from error
    if not magic:
        raise InputError("The file is empty.", received=path.name, cure="Write it again.")
    return magic
