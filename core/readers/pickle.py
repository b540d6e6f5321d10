"""Opcodes of a pickle, which is never unpickled. What it would import is named, and a `.keras` file that lies in it as
bytes is read like any other."""

import io
import pickletools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.readers import base, keras
from core.readers.base import FileContents
from core.readers.hashing import hash_bytes

ZIP_MAGIC = b"PK\x03\x04"
NOT_EXECUTED_REMARK = "The pickle was not unpickled: its instructions were read, none was carried out."
KERAS_REMARK = "The bytes of a .keras file lie in it; layers, weights and config are read from these."
Opcode = tuple[pickletools.OpcodeInfo, Any, int | None]


def read_pickle(path: Path) -> FileContents:
    opcodes = list(pickletools.genops(path.read_bytes()))
    contents = FileContents(
        "Pickle",
        operators=lambda: _describe_opcodes(opcodes),
        remarks=[NOT_EXECUTED_REMARK],
        structure=lambda: _describe_instructions(opcodes),
        told_files=(path,),
    )
    archives = (arg for _, arg, _ in opcodes if isinstance(arg, bytes | bytearray) and arg[:4] == ZIP_MAGIC)
    if (archive := next(archives, None)) is None:
        return contents
    inner = keras.read_keras_archive(io.BytesIO(bytes(archive)))
    remarks = [NOT_EXECUTED_REMARK, KERAS_REMARK, *inner.remarks]
    return replace(
        inner,
        kind="Pickle",
        operators=contents.operators,
        remarks=remarks,
        structure=lambda: [_describe_instructions(opcodes, archive), inner.structure and inner.structure()],
        told_files=contents.told_files,
    )


def _describe_instructions(opcodes: list[Opcode], archive: Any = None) -> list[list[str]]:
    """Every instruction with its argument, without the archive, of which what it says is told, and lengths."""
    is_left_out = [arg is archive or code.name == "FRAME" for code, arg, _ in opcodes]
    pairs = zip(opcodes, is_left_out, strict=True)
    return [[code.name, "" if is_out else hash_bytes(repr(arg).encode())] for (code, arg, _), is_out in pairs]


def _describe_opcodes(opcodes: list[Opcode]) -> base.Operators:
    names = list(dict.fromkeys(_imported_names(opcodes)))
    facts: base.Facts = {"would import and may call": names, "instructions": len(opcodes)}
    for code, arg, _ in opcodes:
        if code.name == "PROTO":
            facts.setdefault("protocol", arg)
    imports = [base.Operation(name=name, op="would import", graph="", inputs=[], outputs=[]) for name in names]
    counts = base.count_operations(code.name for code, _, _ in opcodes)
    return {"counts": counts, "operators": imports[: base.MAX_ENTRIES], "tensors": [], "facts": facts}


def _imported_names(opcodes: list[Opcode]) -> Iterator[str]:
    """What the instructions look up by module and name."""
    texts: list[str] = []
    memo: dict[int, str] = {}
    for code, arg, _ in opcodes:
        if code.name in ("GLOBAL", "INST"):
            yield str(arg).replace(" ", ".", 1)
        elif code.name == "STACK_GLOBAL" and len(texts) >= 2:
            yield ".".join(texts[-2:])
        elif isinstance(arg, str):
            texts.append(arg)
        elif code.name == "MEMOIZE" and texts:
            memo[len(memo)] = texts[-1]
        elif code.name in ("BINGET", "LONG_BINGET", "GET") and arg in memo:
            texts.append(memo[arg])
