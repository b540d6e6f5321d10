"""A file of inputs, of whichever kind it is: told by its bytes, and by its name only where those leave a choice."""

from collections.abc import Sequence
from pathlib import Path

from core.errors import InputError
from core.inputs.fitting import Specs
from core.inputs.from_csv import table_source
from core.inputs.from_images import picture_source
from core.inputs.from_json import json_source
from core.inputs.from_npz import npy_source, npz_source, require_size
from core.inputs.source import Source

TABLES = ("csv", "json", "npz", "npy")
PICTURES = ("png", "jpg", "jpeg")
KINDS = TABLES + PICTURES
PICTURE_BEGINS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


def source_of(paths: Sequence[Path], specs: Specs, image_shape: Sequence[int] | None, most: int) -> Source:
    """The inputs in a NPZ, NPY, CSV or JSON file of at most `most` bytes, or in one or more PNG or JPEG pictures.

    Raises InputError when there is no such file, or nothing in it that fits.
    """
    if not paths:
        raise InputError("There is no file.", cure="Choose one.")
    begins = [_beginning(path) for path in paths]
    if all(one.startswith(PICTURE_BEGINS) for one in begins):
        return picture_source(paths, specs, image_shape)
    if len(paths) > 1:
        raise InputError(
            "Of several files all must be pictures.", received=f"{len(paths)} files", cure="Choose a single other file."
        )
    return _single(paths[0], begins[0], specs, most)


def _single(path: Path, begins: bytes, specs: Specs, most: int) -> Source:
    if begins.startswith(b"PK"):
        return npz_source(path, most)
    if begins.startswith(b"\x93NUMPY"):
        return npy_source(path, most)
    require_size(path.stat().st_size, most)
    looks = begins.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if path.suffix.lower() == ".json" or (looks in (b"{", b"[") and path.suffix.lower() != ".csv"):
        return json_source(path, specs, most)
    if path.suffix.lower() in (".npz", ".npy", *(f".{one}" for one in PICTURES)):
        raise InputError(
            f"The file is not what its name says: it does not begin as a {path.suffix[1:].upper()} file does.",
            cure="Write it again.",
        )
    return table_source(path, specs, most)


def _beginning(path: Path) -> bytes:
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
