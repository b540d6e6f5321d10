"""Hashes of what files say, the same in every process (see `core.readers.content_hash`)."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from core.arrays import hash_array

OBJECT_ID = "shared_object_id"  # in the configs of Keras


def hash_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def hash_texts(texts: Iterable[str]) -> str:
    """One hash of several texts; no two lists of texts share it by where one ends."""
    digest = hashlib.sha256()
    for text in texts:
        content = text.encode("utf-8", "surrogateescape")
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


def hash_values(values: np.ndarray) -> str:
    """The SHA-256 of an array's values; text is hashed item by item, with the length of each."""
    values = np.asarray(values)
    if values.dtype.kind not in "OSUT":
        return hash_array(values)
    digest = hashlib.sha256()
    for item in values.ravel().tolist():
        content = item if isinstance(item, bytes) else str(item).encode("utf-8", "surrogatepass")
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


def number_object_ids(document: Any) -> Any:
    """A document whose objects go by numbers in the order in which they come, in place of Keras' ids of objects in
    memory, which change with every save."""
    numbers: dict[Any, int] = {}

    def renumber(value: Any) -> Any:
        if isinstance(value, list):
            return [renumber(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            name: numbers.setdefault(json.dumps(item), len(numbers)) if name == OBJECT_ID else renumber(item)
            for name, item in value.items()
        }

    return renumber(document)
