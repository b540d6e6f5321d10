"""Keras weights in several files: an index, and what each of them holds."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.worker.describing import hdf5
from core.worker.describing.contents import Contents, Stored


def contents(path: Path) -> Contents:
    """All shards that the index names; one that does not lie beside it is not looked for elsewhere."""
    index = json.loads(path.read_bytes())
    names = sorted({name for one in index.get("weight_map", {}).values() for name in _names(one)})
    return Contents(
        "Keras weights in shards", tensors=lambda: _tensors(path.parent, names), config=lambda: {path.name: index}
    )


def _names(one: Any) -> list[str]:
    return [str(name) for name in (one if isinstance(one, list) else [one])]


def _tensors(folder: Path, names: list[str]) -> list[Stored]:
    import h5py

    found = []
    for name in names:
        if Path(name).name != name:
            raise ValueError(f"The index names a file that does not lie beside it: {name}")
        found += [replace(one, key=f"{name}/{one.key}") for one in hdf5.tensors(h5py.File(folder / name, "r"))]
    return found
