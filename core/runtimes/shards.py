"""The index of weights in shards, checked against the files: Keras itself says nothing of a shard that is gone."""

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from core.errors import DoesNotLoad

INDEX_FILE = "model.weights.json"
SHARD_NAME = re.compile(r"[^/\\]+_[0-9]{5}\.weights\.h5")

Index = dict[str, list[str]]


def read_shard_index(document: Any) -> Index:
    """The groups of arrays by the shard that holds them. Raises ValueError, TypeError for what is no such index."""
    places = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(places, dict):
        raise ValueError("no weight_map")
    groups: Index = defaultdict(list)
    for group, names in places.items():
        for name in [names] if isinstance(names, str) else names:
            if not (isinstance(name, str) and SHARD_NAME.fullmatch(name)):
                raise ValueError(f"no name of a shard: {str(name)[:80]}")
            groups[name].append(group)
    return dict(groups)


def open_shard_index(folder: Path) -> Index:
    """The index of the weights in a folder, every shard and every group of which is there. Raises DoesNotLoad."""
    import h5py

    try:
        index = read_shard_index(json.loads((folder / INDEX_FILE).read_bytes()))
    except (ValueError, TypeError) as error:
        raise DoesNotLoad(
            "The index of these shards cannot be read.",
            received=INDEX_FILE,
            cure="Take the file from where the weights were saved.",
            detail=str(error),
        ) from error
    if missing := sorted(name for name in index if not (folder / name).is_file()):
        raise _missing_error(f"{len(missing)} of the {len(index)} shards that the index names", missing)
    for name, groups in index.items():
        with h5py.File(folder / name, "r") as file:
            if lost := [group for group in groups if group not in file]:
                raise _missing_error(f"Arrays that the index looks for in {name}", lost)
    return index


def _missing_error(what: str, names: list[str]) -> DoesNotLoad:
    return DoesNotLoad(
        f"{what} are not there.",
        received=f"without {', '.join(names[:8])}{' …' if len(names) > 8 else ''}",
        cure="Put all files of one save together: the index and every shard.",
    )
