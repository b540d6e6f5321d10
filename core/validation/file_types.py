"""The types of file that can be imported, recognised by the name that they claim and by their content."""

import re
from typing import NamedTuple, Protocol

from core.validation.rules import refusal

ZIP_MAGIC, HDF5_MAGIC, LITERT_IDENTIFIER = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"TFL3"
HEAD_BYTES = 4096  # bytes at the beginning of a file by which it is recognised
CHECKPOINT_STATE_FILE = "checkpoint"  # the file in which TensorFlow says which checkpoint is the latest


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


def detect_packed_kind(files: FileListing) -> tuple[str, dict[str, str]]:
    """Return the kind of what is in a zip or folder, and its files: name in the format's layout -> name in the zip.

    One folder around everything is taken off. Raises Refused for what is of no kind.
    """
    names = _strip_top_folder([name for name in files.sizes if not SYSTEM_FILE_PATTERN.match(name)])
    if "saved_model.pb" in names or "saved_model.pbtxt" in names:
        return "saved_model", names
    for ending, kind in ((".index", "checkpoint"), (".xml", "openvino")):
        if any(name.endswith(ending) for name in names):
            return kind, names
    if {"config.json", "metadata.json"} <= names.keys():
        raise refusal("unlike", "the content of a .keras file in a .zip")
    raise refusal("zip-missing", "no saved_model.pb, no .index, no .xml")


def _strip_top_folder(names: list[str]) -> dict[str, str]:
    tops = {name.partition("/")[0] for name in names if "/" in name}
    nested = len(tops) == 1 and all("/" in name for name in names) and not tops & {"variables", "assets"}
    top = f"{tops.pop()}/" if nested else ""
    return {name.removeprefix(top): name for name in names}


SAVED_MODEL_MEMBERS = re.compile(
    r"saved_model\.pb|fingerprint\.pb|keras_metadata\.pb|variables/variables\.index"
    r"|variables/variables\.data-\d{5}-of-\d{5}|variables/checkpoint|assets/[^/]+|assets\.extra/[^/]+"
)
KERAS_MEMBERS = re.compile(r"config\.json|metadata\.json|model\.weights\.h5|assets(/[^/]+){1,24}/vocabulary\.(txt|npy)")
SHARD_PATTERN = re.compile(r"(.+)\.data-(\d{5})-of-(\d{5})")


def check_members(names: dict[str, str], allowed: re.Pattern[str], required: tuple[str, ...]) -> None:
    """Compare the files with those that a format may have and those that it must have. Raises Refused."""
    for name in names:
        if not allowed.fullmatch(name):
            raise refusal("zip-member", name)
    for name in required:
        if name not in names:
            raise refusal("zip-missing", name)


def check_saved_model_members(names: dict[str, str]) -> None:
    """Check the files of a SavedModel; one without variables has no folder of them. Raises Refused."""
    if {"saved_model.pb", "saved_model.pbtxt"} <= names.keys():
        raise refusal("saved-model-twice")
    has_values = any(name.startswith("variables/variables") for name in names)
    required = ("saved_model.pb", "variables/variables.index") if has_values else ("saved_model.pb",)
    check_members(names, SAVED_MODEL_MEMBERS, required)
    shards = [name for name in names if name.startswith("variables/variables.data")]
    _check_shards(shards)
    if has_values and not shards:
        raise refusal("variables", "no variables.data")


def _check_shards(names: list[str]) -> None:
    """Raises Refused unless the shards are all there and of one set."""
    shards = [match for name in names if (match := SHARD_PATTERN.fullmatch(name))]
    totals = {int(shard[3]) for shard in shards}
    if shards and (len(totals) > 1 or sorted(int(shard[2]) for shard in shards) != list(range(totals.pop()))):
        raise refusal("variables", "shards are missing")


def choose_checkpoint(names: dict[str, str], state: str | None) -> dict[str, str]:
    """Return the files of one checkpoint, renamed to "model", out of all those in the zip.

    `state` is the text of the file "checkpoint"; no path in it is followed. Raises Refused.
    """
    prefixes = sorted(name.removesuffix(".index") for name in names if name.endswith(".index"))
    prefix = prefixes[0] if state is None else _prefix_from_state(state, prefixes)
    if state is None and len(prefixes) > 1:
        raise refusal("checkpoint-several", ", ".join(prefixes))
    for name in names:
        if name != CHECKPOINT_STATE_FILE and not any(_belongs_to(name, known) for known in prefixes):
            raise refusal("zip-member", name)
    chosen = {name: packed for name, packed in names.items() if _belongs_to(name, prefix)}
    shards = [name for name in chosen if SHARD_PATTERN.fullmatch(name)]
    if not shards:
        raise refusal("variables", "an index without data")
    _check_shards(shards)
    return {f"model{name.removeprefix(prefix)}": packed for name, packed in chosen.items()}


def _belongs_to(name: str, prefix: str) -> bool:
    """Whether a file is the index or a shard of a checkpoint."""
    shard = SHARD_PATTERN.fullmatch(name)
    return name == f"{prefix}.index" or (shard is not None and shard[1] == prefix)


def _prefix_from_state(state: str, prefixes: list[str]) -> str:
    """Return the checkpoint that the state file names, if it is one of those here; the last part of its path counts."""
    line = re.search(r'^model_checkpoint_path:\s*"((?:[^"\\]|\\.)*)"', state, re.MULTILINE)
    path = line[1] if line else ""
    if not path and len(prefixes) == 1:
        return prefixes[0]
    last = path.replace("\\", "/").rpartition("/")[2]
    for prefix in prefixes:
        if prefix.rpartition("/")[2] == last:
            return prefix
    raise refusal("checkpoint-path", path)


def choose_openvino_files(names: dict[str, str]) -> dict[str, str]:
    """Return the XML and its file of numbers, under the names that our format uses. Raises Refused."""
    graphs = [name for name in names if name.endswith(".xml")]
    numbers = [name for name in names if name.endswith(".bin")]
    if others := [name for name in names if name not in (graphs[:1] + numbers[:1])]:
        raise refusal("zip-member", others[0])
    if not numbers:
        raise refusal("zip-missing", "no .bin beside the .xml")
    return {"model.xml": names[graphs[0]], "model.bin": names[numbers[0]]}
