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
from core.readers.base import MOST, Contents, counted

ZIP = b"PK\x03\x04"
REMARK = "The pickle was not unpickled: its instructions were read, none was carried out."


def contents(path: Path) -> Contents:
    data = path.read_bytes()
    steps = list(pickletools.genops(data))
    inside = next((arg for _, arg, _ in steps if isinstance(arg, bytes | bytearray) and arg[:4] == ZIP), None)
    found = Contents("Pickle", operators=lambda: _operators(steps), remarks=[REMARK])
    if inside is None:
        return found
    within = keras.from_archive(io.BytesIO(bytes(inside)))
    remarks = [REMARK, "The bytes of a .keras file lie in it; layers, weights and config are read from these."]
    return replace(within, kind="Pickle", operators=found.operators, remarks=[*remarks, *within.remarks])


def _operators(steps: list[Any]) -> dict[str, Any]:
    named = list(_named(steps))
    rows = [{"name": name, "op": "would import", "graph": "", "inputs": [], "outputs": []} for name in named]
    facts = {"would import and may call": named, "instructions": len(steps)}
    protocol = next((arg for code, arg, _ in steps if code.name == "PROTO"), None)
    return {
        "counts": counted(code.name for code, _, _ in steps),
        "operators": rows[:MOST],
        "tensors": [],
        "facts": facts | ({"protocol": protocol} if protocol is not None else {}),
    }


def _named(steps: list[Any]) -> Iterator[str]:
    """What the instructions look up by module and name, each once."""
    texts: list[str] = []
    seen: Counter[str] = Counter()
    memo: dict[int, str] = {}
    for code, arg, _ in steps:
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
