"""The kinds of file that can be brought in: how each is recognised, by the ending that it claims and by its content."""

import re
from typing import Protocol

from core.validation.rules import refusal

ZIP_MAGIC, HDF5_MAGIC, LITERT_IDENTIFIER = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"TFL3"
HEAD_BYTES = 4096  # bytes at the beginning of a file by which it is recognised

# What a name ends with, the longest first, and the kind that it claims to be.
EXTENSION_KINDS = {
    ".weights.h5": "weights",
    ".keras": "keras",
    ".hdf5": "h5",
    ".h5": "h5",
    ".json": "architecture",
    ".tflite": "litert",
    ".onnx": "onnx",
    ".zip": "zip",
}
KIND_CONTENT_TYPES = {
    "weights": "hdf5",
    "keras": "zip",
    "h5": "hdf5",
    "architecture": "json",
    "litert": "flatbuffer",
    "onnx": "protobuf",
    "zip": "zip",
}


class FileListing(Protocol):
    """The files of a zip or of a folder: their sizes in bytes by name."""

    sizes: dict[str, int]


def kind_from_name(name: str) -> str:
    """The kind that a file's name claims. Raises Refused for a name with an ending that nothing here has."""
    for ending, kind in EXTENSION_KINDS.items():
        if name.casefold().endswith(ending):
            return kind
    raise refusal("unknown-ending", name)


def check_content_type(kind: str, head: bytes, size: int) -> None:
    """Hold the first bytes of a file against the kind that its name claims. Raises Refused."""
    if not head:
        raise refusal("empty")
    if _detect_content_type(head, size) != KIND_CONTENT_TYPES[kind]:
        raise refusal("unlike", f"an ending of {kind}, and content {_describe_content_type(head, size)}")


def _detect_content_type(head: bytes, size: int) -> str:
    if head.startswith(ZIP_MAGIC):
        return "zip"
    if head.startswith(HDF5_MAGIC):
        return "hdf5"
    if head[4:8] == LITERT_IDENTIFIER:
        return "flatbuffer"
    if head.lstrip(b" \t\r\n").startswith(b"{"):
        return "json"
    return "protobuf" if _is_onnx(head, size) else "unknown"


def _describe_content_type(head: bytes, size: int) -> str:
    found = _detect_content_type(head, size)
    return "of no known kind" if found == "unknown" else f"as in {found}"


def _is_onnx(head: bytes, size: int) -> bool:
    """Whether the bytes begin as an ONNX model does: fields of that message alone, none of them beyond the end."""
    at, seen = 0, set()
    while at < min(len(head), size) - 1:
        key, at = _read_varint(head, at)
        field, wire = key >> 3, key & 7
        if (field, wire) not in ONNX_MODEL_FIELDS:
            return False
        seen.add(field)
        value, at = _read_varint(head, at)
        if wire == 2:
            at += value
            if at > size:
                return False
    return bool(seen)


# Numbers and wire types of the fields of ModelProto.
ONNX_MODEL_FIELDS = {(1, 0), (2, 2), (3, 2), (4, 2), (5, 0), (6, 2), (7, 2), (8, 2), (14, 2), (20, 2), (25, 2), (26, 2)}


def _read_varint(data: bytes, offset: int) -> tuple[int, int]:
    """A number and where it ends; -1, which no field is, where there is none."""
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
    """Which kind lies in a zip or folder, and its files: name in the format's layout -> name in the zip.

    One folder around everything is taken off. Raises Refused for what is none of them.
    """
    names = _strip_top_folder([name for name in files.sizes if not SYSTEM_FILE_PATTERN.match(name)])
    if "saved_model.pb" in names or "saved_model.pbtxt" in names:
        return "saved_model", names
    if any(name.endswith(".index") for name in names):
        return "checkpoint", names
    if any(name.endswith(".xml") for name in names):
        return "openvino", names
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
    """Hold the files against those that a format may have and those that it must have. Raises Refused."""
    for name in names:
        if not allowed.fullmatch(name):
            raise refusal("zip-member", name)
    for name in required:
        if name not in names:
            raise refusal("zip-missing", name)


def check_saved_model_members(names: dict[str, str]) -> None:
    """Raises Refused. A graph without variables has no folder of them."""
    if {"saved_model.pb", "saved_model.pbtxt"} <= names.keys():
        raise refusal("saved-model-twice")
    needed = ("saved_model.pb",)
    if any(name.startswith("variables/variables") for name in names):
        needed += ("variables/variables.index",)
    check_members(names, SAVED_MODEL_MEMBERS, needed)
    check_shards([name for name in names if name.startswith("variables/variables.data")])
    if "variables/variables.index" in names and len(names) and not any(SHARD_PATTERN.fullmatch(name) for name in names):
        raise refusal("variables", "no variables.data")


def check_shards(names: list[str]) -> None:
    """Raises Refused unless the shards are all there and of one set."""
    found = [SHARD_PATTERN.fullmatch(name) for name in names]
    totals = {int(one[3]) for one in found if one}
    if found and (len(totals) > 1 or sorted(int(one[2]) for one in found) != list(range(totals.pop()))):
        raise refusal("variables", "shards are missing")


def choose_checkpoint(names: dict[str, str], state: str | None) -> dict[str, str]:
    """The files of one checkpoint, renamed to "model", out of all those in the zip; `state` is its own say in the file
    "checkpoint", of which no path is followed. Raises Refused."""
    prefixes = sorted(name.removesuffix(".index") for name in names if name.endswith(".index"))
    prefix = _prefix_from_state(state, prefixes) if state is not None else prefixes[0]
    if state is None and len(prefixes) > 1:
        raise refusal("checkpoint-several", ", ".join(prefixes))
    own = {name: full for name, full in names.items() if name == f"{prefix}.index" or _is_shard_of(name, prefix)}
    for name in names:
        if name != "checkpoint" and not any(name == f"{one}.index" or _is_shard_of(name, one) for one in prefixes):
            raise refusal("zip-member", name)
    shards = [name for name in own if SHARD_PATTERN.fullmatch(name)]
    if not shards:
        raise refusal("variables", "an index without data")
    check_shards(shards)
    return {f"model{name.removeprefix(prefix)}": full for name, full in own.items()}


def _is_shard_of(name: str, prefix: str) -> bool:
    found = SHARD_PATTERN.fullmatch(name)
    return bool(found) and found[1] == prefix


def _prefix_from_state(state: str, prefixes: list[str]) -> str:
    """The checkpoint that the state file names, if it is one of those here: the last part of what it says counts."""
    found = re.search(r'^model_checkpoint_path:\s*"((?:[^"\\]|\\.)*)"', state, re.MULTILINE)
    said = found[1] if found else ""
    if not said and len(prefixes) == 1:
        return prefixes[0]
    last = said.replace("\\", "/").rpartition("/")[2]
    for prefix in prefixes:
        if prefix.rpartition("/")[2] == last:
            return prefix
    raise refusal("checkpoint-path", said)


def choose_openvino_files(names: dict[str, str]) -> dict[str, str]:
    """The XML and its file of numbers, under the names that our format uses. Raises Refused."""
    graphs = [name for name in names if name.endswith(".xml")]
    numbers = [name for name in names if name.endswith(".bin")]
    if len(graphs) > 1 or len(numbers) > 1 or len(names) > len(graphs) + len(numbers):
        raise refusal("zip-member", next(name for name in names if name not in (graphs[:1] + numbers[:1])))
    if not numbers:
        raise refusal("zip-missing", "no .bin beside the .xml")
    return {"model.xml": names[graphs[0]], "model.bin": names[numbers[0]]}
