"""The content hash of the files in a folder: two copies that say the same have the same, whatever their bytes are.

Hashed are every tensor with its address, dtype, shape and values; what the reader of the kind calls its structure, that
is graph, config or attributes; and the bytes of every file that neither tells of. Left out is what changes from save
to save: dates, ids of objects, versions of the writer, the order in which things lie, and names that count up in a
process.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.evidence.content_hash import ContentHash
from core.readers import open_contents
from core.readers.base import WEIGHTS, FileContents, StoredTensor, translated_read_errors
from core.readers.hashing import hash_values

WEIGHT_DTYPES = ("float", "bfloat", "int8", "uint8", "int4", "uint4")
TensorFacts = tuple[str, str, list[int], str]  # address, dtype, shape, SHA-256


def hash_content(folder: Path) -> ContentHash:
    """Read the files of a copy, and hash what they say. Raises DoesNotLoad."""
    contents = open_contents(folder)
    with translated_read_errors(folder):
        tensors = contents.list_tensors()
        rows = [_tensor_facts(tensor) for tensor in tensors]
        weights = [row[1:] for tensor, row in zip(tensors, rows, strict=True) if _is_weight(tensor)]
        return ContentHash(
            sha256=_hash_json(_describe(folder, contents, rows)),
            weights=_hash_json(_without_repeats(weights)) if weights else None,
        )


def _describe(folder: Path, contents: FileContents, rows: list[TensorFacts]) -> dict[str, Any]:
    return {
        "kind": contents.kind,
        "tensors": sorted(row if contents.has_fixed_keys else ("", *row[1:]) for row in rows),
        "structure": contents.structure() if contents.structure else None,
        "files": dict(_hash_other_files(folder, contents.told_files)),
    }


def _is_weight(tensor: StoredTensor) -> bool:
    """Whether its numbers are trained ones; in some formats counters and seeds stand among the weights."""
    return tensor.group == WEIGHTS and tensor.dtype.startswith(WEIGHT_DTYPES)


def _without_repeats(rows: list[Any]) -> list[Any]:
    """Rows in one order, each once: some formats store a weight twice."""
    return [json.loads(text) for text in sorted({json.dumps(row) for row in rows})]


def _tensor_facts(tensor: StoredTensor) -> TensorFacts:
    return tensor.key, tensor.dtype, list(tensor.shape), hash_values(tensor.read())


def _hash_other_files(folder: Path, described: tuple[Path, ...]) -> Iterator[tuple[str, str]]:
    """Path and SHA-256 of each file of which neither tensors nor structure tell."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path not in described:
            with path.open("rb") as file:
                yield path.relative_to(folder).as_posix(), hashlib.file_digest(file, "sha256").hexdigest()


def _hash_json(document: Any) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
