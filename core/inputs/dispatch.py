"""A file of inputs, of whichever kind it is: told by its bytes, and by its name only where those leave a choice."""

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
    """The inputs in a NPZ, NPY, CSV or JSON file of at most `most` bytes, or in one or more PNG or JPEG pictures.

    Raises InputError when there is no such file, or nothing in it that fits.
    """
    if not paths:
        raise InputError("There is no file.", cure="Choose one.")
    begins = [_read_magic(path) for path in paths]
    if all(one.startswith(IMAGE_MAGIC) for one in begins):
        return image_source(paths, specs, image_shape)
    if len(paths) > 1:
        raise InputError(
            "Of several files all must be pictures.", received=f"{len(paths)} files", cure="Choose a single other file."
        )
    return _open_single(paths[0], begins[0], specs, max_bytes)


def _open_single(path: Path, magic: bytes, specs: InputSpecs, max_bytes: int) -> InputSource:
    if magic.startswith(b"PK"):
        return npz_source(path, max_bytes)
    if magic.startswith(b"\x93NUMPY"):
        return npy_source(path, max_bytes)
    require_size(path.stat().st_size, max_bytes)
    looks = magic.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if path.suffix.lower() == ".json" or (looks in (b"{", b"[") and path.suffix.lower() != ".csv"):
        return json_source(path, specs, max_bytes)
    if path.suffix.lower() in (".npz", ".npy", *(f".{one}" for one in IMAGE_SUFFIXES)):
        raise InputError(
            f"The file is not what its name says: it does not begin as a {path.suffix[1:].upper()} file does.",
            cure="Write it again.",
        )
    return csv_source(path, specs, max_bytes)


def _read_magic(path: Path) -> bytes:
    """Its first bytes. Raises InputError when it cannot be read, or is empty."""
    try:
        with path.open("rb") as file:
            begins = file.read(64)
    except OSError as error:
        raise InputError(
            "There is no such file, or it may not be read.",
            received=str(path)[-200:],
            cure="Give the path of a NPZ, NPY, CSV, JSON, PNG or JPEG file.",
        ) from error
    if not begins:
        raise InputError("The file is empty.", received=path.name, cure="Write it again.")
    return begins
