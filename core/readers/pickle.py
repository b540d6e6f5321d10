"""A pickle is never unpickled here: it is read as a list of instructions. What it would import is named, and a `.keras`
file that lies in it as bytes is looked into like any other."""

import io
import pickletools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.readers import keras
from core.readers.base import MAX_ENTRIES, FileContents, count_operations

ZIP_MAGIC = b"PK\x03\x04"
NOT_EXECUTED_REMARK = "The pickle was not unpickled: its instructions were read, none was carried out."


def read_pickle(path: Path) -> FileContents:
    data = path.read_bytes()
    steps = list(pickletools.genops(data))
    inside = next((arg for _, arg, _ in steps if isinstance(arg, bytes | bytearray) and arg[:4] == ZIP_MAGIC), None)
    found = FileContents("Pickle", operators=lambda: _describe_opcodes(steps), remarks=[NOT_EXECUTED_REMARK])
    if inside is None:
        return found
    within = keras.read_keras_archive(io.BytesIO(bytes(inside)))
    remarks = [
        NOT_EXECUTED_REMARK,
        "The bytes of a .keras file lie in it; layers, weights and config are read from these.",
    ]
    return replace(within, kind="Pickle", operators=found.operators, remarks=[*remarks, *within.remarks])


def _describe_opcodes(opcodes: list[Any]) -> dict[str, Any]:
    named = list(_imported_names(opcodes))
    rows = [{"name": name, "op": "would import", "graph": "", "inputs": [], "outputs": []} for name in named]
    facts = {"would import and may call": named, "instructions": len(opcodes)}
    protocol = next((arg for code, arg, _ in opcodes if code.name == "PROTO"), None)
    return {
        "counts": count_operations(code.name for code, _, _ in opcodes),
        "operators": rows[:MAX_ENTRIES],
        "tensors": [],
        "facts": facts | ({"protocol": protocol} if protocol is not None else {}),
    }


def _imported_names(opcodes: list[Any]) -> Iterator[str]:
    """What the instructions look up by module and name, each once."""
    texts: list[str] = []
    seen: Counter[str] = Counter()
    memo: dict[int, str] = {}
    for code, arg, _ in opcodes:
        name = ""
        if code.name in ("GLOBAL", "INST"):
            name = str(arg).replace(" ", ".", 1)
        elif code.name == "STACK_GLOBAL" and len(texts) >= 2:
            name = ".".join(texts[-2:])
        elif isinstance(arg, str):
            texts.append(arg)
        elif code.name == "MEMOIZE" and texts:
            memo[len(memo)] = texts[-1]
        elif code.name in ("BINGET", "LONG_BINGET", "GET") and arg in memo:
            texts.append(memo[arg])
        if name and not seen[name]:
            seen[name] += 1
            yield name
