"""A proof kit as environments are given it, and the check of one that lies in a folder."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.errors import Damaged
from core.library.storage import compute_sha256
from core.record import INVALID_JSON_ERRORS

KIT_FILE = "kit.json"


@dataclass(frozen=True)
class Kit:
    """A kit to ask.

    Attributes:
        identity: Another one for other content; it becomes the name of a folder.
        format: The key of its format.
        expected: The predictions that it expects, by name; None where nobody knows them yet.
        write: Writes its files into a folder that does not exist yet.
        bytes: Its size.
        is_untrusted: Whether its model was imported.
        classes: Whether the prediction of a row is the largest of its values; None where each output tells.
        asks: What is asked: "predict", "describe" (what the model takes), or "convert:" and a format.
        converted_to: The empty folder into which what was converted is copied.
        inputs_sha256: SHA-256 of the file with its inputs; empty where nobody needs it.
        input_dtypes: The dtypes of its own inputs by name, in the order of its run's; empty where nobody needs them.
        rows: Other inputs than its own, {input: (rows, ...)}, that are asked for it; None for its own.
        batch: How many rows are computed together; 0 for all.
        reloads: Whether its model is loaded anew where it was asked before, as it may keep what it was asked.
    """

    identity: str
    format: str
    expected: Arrays | None
    write: Callable[[Path], object]
    bytes: int
    is_untrusted: bool
    classes: bool | None = None
    asks: str = "predict"
    converted_to: Path | None = None
    inputs_sha256: str = ""
    input_dtypes: Mapping[str, np.dtype] = field(default_factory=dict)
    rows: Arrays | None = None
    batch: int = 0
    reloads: bool = False


def read_kit(folder: Path) -> dict[str, Any]:
    """Return what `kit.json` of an unpacked kit says, after each file was verified. Raises Damaged."""
    try:
        facts: dict[str, Any] = json.loads((folder / KIT_FILE).read_text(encoding="utf-8"))
        files = {str(name): str(sha256) for name, sha256 in facts["files"].items()}
        changed = [name for name, sha256 in files.items() if not _is_unchanged(folder, name, sha256)]
    except (OSError, *INVALID_JSON_ERRORS) as error:
        raise _damaged_kit(KIT_FILE) from error
    if changed or not {"inputs.npz", "expected.npz"} <= files.keys():
        raise _damaged_kit(", ".join(changed[:3]) or "no inputs or expected predictions")
    return facts


def _is_unchanged(folder: Path, name: str, sha256: str) -> bool:
    path = (folder / name).resolve()
    return path.is_relative_to(folder.resolve()) and path.is_file() and compute_sha256(path) == sha256


def _damaged_kit(what: str) -> Damaged:
    cure = "Take the kit once more from where it was made."
    return Damaged("This proof kit is cut or was changed, so it is not asked.", received=what, cure=cure)


def read_arrays(path: Path) -> Arrays:
    """Read the arrays of a kit that was verified."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive}
