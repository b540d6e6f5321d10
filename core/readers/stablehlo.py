"""Inputs and outputs of a StableHLO module, from the file beside it; the module is binary and is not opened."""

from pathlib import Path
from typing import Any

from core.readers.base import FileContents, Port, Signature, Signatures
from core.runtimes.stablehlo import read_ports


def read_stablehlo(path: Path) -> FileContents:
    ports = read_ports(path)
    return FileContents("StableHLO", tensors=lambda: [], signatures=lambda: _describe(ports))


def _describe(ports: dict[str, list[list[Any]]]) -> Signatures:
    inputs, outputs = ([_describe_port(*port) for port in ports[side]] for side in ("inputs", "outputs"))
    signature: Signature = {"name": "main", "method": "", "inputs": inputs, "outputs": outputs}
    return {"signatures": [signature], "functions": [], "facts": {}}


def _describe_port(name: str, dtype: str, shape: list[int]) -> Port:
    return {"name": name, "dtype": dtype, "shape": list(shape)}
