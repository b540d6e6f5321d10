"""Sizes and counts that no real model exceeds. What an owner may want to raise is in `core.settings` instead.

Validation looks them up each time. The app sends its own with a file to the sandboxed child that validates its content,
so both apply the same.
"""

from collections.abc import Mapping

from core import settings

MAX_MEMBERS = 2_000  # files in one zip or folder
MAX_DIRECTORY_BYTES = 1 * 2**20  # of a zip's index
MAX_DEFLATE_RATIO = 1032  # deflate cannot make more bytes out of one
DEFLATE_RATIO_SLACK = 1024  # bytes for which no ratio is asked: a stream has a beginning and an end
MAX_JSON_BYTES = 16 * 2**20  # of a config; the largest of keras.applications has 2 MB
MAX_JSON_ITEMS = 1_000_000  # commas and brackets in a config
MAX_JSON_DEPTH = 256
MAX_DIGITS = 64  # characters of one number
MAX_NAME_LENGTH = 512  # characters of the name of a layer
MAX_H5_OBJECTS = 50_000  # groups and arrays
MAX_H5_DEPTH = 64
MAX_H5_ATTRIBUTE_BYTES = 64 * 2**20  # of one attribute: HDF5 itself splits lists of names above 64 kB
MAX_H5_ATTRIBUTES = 4_096  # of one object
MAX_EXPANSION = 1_000  # times the stored bytes that an array may claim, above the floor
EXPANSION_FLOOR_BYTES = 16 * 2**20  # below which no expansion is asked
MAX_GRAPH_BYTES = 2**31 - 1  # of a protocol buffer
MAX_GRAPH_NODES = 1_000_000  # operations in a graph and its functions
MAX_ONNX_DEPTH = 48  # graphs in graphs; protocol buffers end at 100 messages
MAX_XML_BYTES = 64 * 2**20
MAX_XML_DEPTH = 256  # elements in each other
MAX_DIMENSION = 10**8  # size of one axis of a tensor
MAX_ELEMENTS = 2**33  # numbers of one tensor
MAX_UNPACKED_BYTES = 0  # of everything in a file, unpacked; 0: as the settings of this process say


def current_limits(unpacked_mb: int) -> dict[str, int]:
    """Return all limits by name, with what the settings allow unpacked, in MB."""
    limits = {name: value for name, value in globals().items() if name.isupper()}
    return limits | {"MAX_UNPACKED_BYTES": unpacked_mb * settings.MB}


def apply_limits(limits: Mapping[str, int]) -> None:
    """Replace the limits of this process by those of another. Raises KeyError for a name that is none of them."""
    if unknown := limits.keys() - current_limits(0).keys():
        raise KeyError(min(unknown))
    globals().update(limits)


def max_unpacked_bytes() -> int:
    """Return the bytes that everything in a file may take unpacked."""
    return MAX_UNPACKED_BYTES or settings.get_settings().unpacked_mb * settings.MB
