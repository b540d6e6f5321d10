"""Files from outside: the types that can be imported, by name and content, and which names leave their folder."""

import re
from typing import NamedTuple, Protocol

from core.validation.rules import display_text, is_displayable, refusal

ZIP_MAGIC, HDF5_MAGIC, LITERT_IDENTIFIER = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"TFL3"
HEAD_BYTES = 4096  # bytes at the beginning of a file by which it is recognised


class FileType(NamedTuple):
    """A type of file: its kind (a key of `core.formats`, or "zip"), its content, and the name under which we lay it."""

    kind: str
    content: str
    stored_name: str


# By what a name ends with, the longest first.
FILE_TYPES = {
    ".weights.h5": FileType("weights", "hdf5", "model.weights.h5"),
    ".keras": FileType("keras", "zip", "model.keras"),
    ".hdf5": FileType("h5", "hdf5", "model.h5"),
    ".h5": FileType("h5", "hdf5", "model.h5"),
    ".json": FileType("architecture", "json", "architecture.json"),
    ".tflite": FileType("litert", "flatbuffer", "model.tflite"),
    ".onnx": FileType("onnx", "protobuf", "model.onnx"),
    ".zip": FileType("zip", "zip", "upload.zip"),
}
FILE_NAMES = {file_type.kind: file_type.stored_name for file_type in FILE_TYPES.values()}


class FileListing(Protocol):
    """The files of a zip or of a folder: their sizes in bytes by name."""

    sizes: dict[str, int]


def type_from_name(name: str) -> FileType:
    """Return the type that a file's name claims. Raises Refused for a name with an unknown ending."""
    for ending, file_type in FILE_TYPES.items():
        if name.casefold().endswith(ending):
            return file_type
    raise refusal("unknown-ending", name)


def check_content_type(claimed: FileType, head: bytes, size: int) -> None:
    """Compare the first bytes of a file with the type that its name claims. Raises Refused."""
    if not head:
        raise refusal("empty")
    content = _detect_content(head, size)
    if content != claimed.content:
        described = f"as in {content}" if content else "of no known kind"
        raise refusal("unlike", f"an ending of {claimed.kind}, and content {described}")


def _detect_content(head: bytes, size: int) -> str:
    if head.startswith(ZIP_MAGIC):
        return "zip"
    if head.startswith(HDF5_MAGIC):
        return "hdf5"
    if head[4:8] == LITERT_IDENTIFIER:
        return "flatbuffer"
    if head.lstrip(b" \t\r\n").startswith(b"{"):
        return "json"
    return "protobuf" if _is_onnx(head, size) else ""


# Numbers and wire types of the fields of ModelProto.
ONNX_MODEL_FIELDS = {(1, 0), (2, 2), (3, 2), (4, 2), (5, 0), (6, 2), (7, 2), (8, 2), (14, 2), (20, 2), (25, 2), (26, 2)}


def _is_onnx(head: bytes, size: int) -> bool:
    """Whether the bytes begin as an ONNX model does: fields of that message alone, none of them beyond the end."""
    at, count = 0, 0
    while at < min(len(head), size) - 1:
        key, at = _read_varint(head, at)
        if (key >> 3, key & 7) not in ONNX_MODEL_FIELDS:
            return False
        count += 1
        value, at = _read_varint(head, at)
        if key & 7 == 2:
            at += value
            if at > size:
                return False
    return count > 0


def _read_varint(data: bytes, offset: int) -> tuple[int, int]:
    """Return a number and where it ends; -1, which no field is, where there is none."""
    value = 0
    for shift in range(0, 70, 7):
        if offset >= len(data):
            return -1, offset
        byte = data[offset]
        value |= (byte & 0x7F) << shift
        offset += 1
        if byte < 0x80:
            return value, offset
    return -1, offset


SYSTEM_FILE_PATTERN = re.compile(r"(^|.*/)(__MACOSX/.*|\.DS_Store|Thumbs\.db|desktop\.ini)$")


def strip_top_folder(names: list[str]) -> dict[str, str]:
    tops = {name.partition("/")[0] for name in names if "/" in name}
    nested = len(tops) == 1 and all("/" in name for name in names) and not tops & {"variables", "assets"}
    top = f"{tops.pop()}/" if nested else ""
    return {name.removeprefix(top): name for name in names}


KERAS_MEMBERS = re.compile(r"config\.json|metadata\.json|model\.weights\.h5|assets(/[^/]+){1,24}/vocabulary\.(txt|npy)")
SHARD_PATTERN = re.compile(r"(.+)\.data-(\d{5})-of-(\d{5})")


def display_file_name(name: str) -> str:
    """Return the last part of an upload's name for display; "unnamed" where nothing is left."""
    return display_text(name.replace("\\", "/").rstrip("/").rpartition("/")[2]) or "unnamed"


def is_plain_name(name: str) -> bool:
    """Whether one name can stand in a folder of ours: no separator, no mark, no way up, not too long."""
    return (
        0 < len(name.encode("utf-8", "replace")) <= 255
        and name not in (".", "..")
        and not any(mark in "/\\:" or not is_displayable(mark) for mark in name)
        and name == name.strip(" ")
    )


def leaves_folder(name: str) -> bool:
    """Whether a name with slashes would lead out of the folder that it is put into."""
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or (len(parts) > 1 and not parts[0]) or not all(map(is_displayable, name))
