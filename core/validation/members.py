"""Which members of an archive or folder make up a model."""

import json
import re
from collections.abc import Iterable

from core.runtimes.shards import read_shard_index
from core.validation import mlflow_folders
from core.validation.file_types import (
    FILE_NAMES,
    FILE_TYPES,
    SHARD_PATTERN,
    SYSTEM_FILE_PATTERN,
    FileListing,
    FileType,
    strip_top_folder,
)
from core.validation.keras_config import parse_config
from core.validation.rules import refusal

SHARD_INDEX_ENDING = ".weights.json"
ARCHITECTURE_FILE = "architecture.json"
# What tells a kind of several files, by what a name ends with.
PACKED_KINDS = (
    (".index", "checkpoint"),
    (".xml", "openvino"),
    (".onnx", "onnx"),
    (SHARD_INDEX_ENDING, "weights_sharded"),
)
CHECKPOINT_STATE_FILE = "checkpoint"  # the file in which TensorFlow says which checkpoint is the latest

SAVED_MODEL_MEMBERS = re.compile(
    r"saved_model\.pb|fingerprint\.pb|keras_metadata\.pb|variables/variables\.index"
    r"|variables/variables\.data-\d{5}-of-\d{5}|variables/checkpoint|assets/[^/]+|assets\.extra/[^/]+"
)


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


def choose_onnx_files(names: dict[str, str]) -> dict[str, str]:
    """Return the ONNX file under the name that our format uses, and the files of its numbers under their own.

    Raises Refused for a second ONNX file, and for folders.
    """
    graphs = [name for name in names if name.endswith(".onnx")]
    own = FILE_NAMES["onnx"]
    others = [name for name in names if name != graphs[0]]
    if wrong := [name for name in others if "/" in name or name == own or name in graphs]:
        raise refusal("zip-member", wrong[0])
    if "/" in graphs[0]:
        raise refusal("zip-member", graphs[0])
    return {own: names[graphs[0]]} | {name: names[name] for name in others}


def find_shard_index(names: Iterable[str]) -> str:
    """Return the index of weights in shards, of which there is one. Raises Refused."""
    indexes = sorted(name for name in names if name.endswith(SHARD_INDEX_ENDING))
    if len(indexes) > 1:
        raise refusal("zip-member", indexes[1])
    return indexes[0]


def choose_shards(names: dict[str, str], index_name: str, index: bytes) -> tuple[dict[str, str], bytes]:
    """Return the shards that an index names, and the index itself, both under the names that our format uses.

    An architecture may lie beside them. Raises Refused where a shard is missing, or a file is none of these.
    """
    document = parse_config(index)
    try:
        shards = read_shard_index(document)
    except (ValueError, TypeError) as error:
        raise refusal("shard-index", str(error)) from error
    base = index_name.removesuffix(SHARD_INDEX_ENDING)
    pattern = re.compile(rf"{re.escape(base)}(_[0-9]{{5}}\.weights\.h5)")
    chosen = {name: f"model{match[1]}" for name in names if (match := pattern.fullmatch(name))}
    if others := names.keys() - chosen.keys() - {index_name, ARCHITECTURE_FILE}:
        raise refusal("zip-member", min(others))
    if missing := shards.keys() - chosen.keys():
        raise refusal("shard-missing", min(missing))
    groups = document["weight_map"].items()
    document["weight_map"] = {group: [chosen[name] for name in _as_list(places)] for group, places in groups}
    kept = {ours: names[name] for name, ours in chosen.items()}
    kept |= {ARCHITECTURE_FILE: names[ARCHITECTURE_FILE]} if ARCHITECTURE_FILE in names else {}
    return kept, index if base == "model" else json.dumps(document, indent=4).encode()


def _as_list(names: str | list[str]) -> list[str]:
    return [names] if isinstance(names, str) else names


def detect_packed_kind(files: FileListing) -> tuple[str, dict[str, str]]:
    """Return the kind of what is in a zip or folder, and its files: name in the format's layout -> name in the zip.

    One folder around everything is taken off, and of MLflow's folder the model is taken. Raises Refused for what is
    of no kind.
    """
    names = list_names(files)
    names = mlflow_folders.find_model(names) or names
    if "saved_model.pb" in names or "saved_model.pbtxt" in names:
        return "saved_model", names
    if len(names) == 1 and (single := _single_file(next(iter(names)))):
        return single.kind, {single.stored_name: next(iter(names.values()))}
    for ending, kind in PACKED_KINDS:
        if any(name.endswith(ending) for name in names):
            return kind, names
    if {"config.json", "metadata.json"} <= names.keys():
        raise refusal("unlike", "the content of a .keras file in a .zip")
    raise refusal("zip-missing", "no saved_model.pb, .index, .xml, .onnx or .weights.json, and not one file alone")


def list_names(files: FileListing) -> dict[str, str]:
    """Return the files of a zip or folder by their names without a folder around everything; the system's are none."""
    return strip_top_folder([name for name in files.sizes if not SYSTEM_FILE_PATTERN.match(name)])


def _single_file(name: str) -> FileType | None:
    """Return the type of a file that lies alone in a zip or folder; None for a zip in a zip and an unknown ending."""
    endings = [ending for ending in FILE_TYPES if name.casefold().endswith(ending)]
    is_single = endings and endings[0] != ".zip" and not name.endswith(SHARD_INDEX_ENDING)
    return FILE_TYPES[endings[0]] if is_single else None
