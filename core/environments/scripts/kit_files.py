"""What the scripts of engines share: the file of a copy in a kit, and how rows are asked one by one."""

import json
from pathlib import Path

import numpy as np


def find_file(kit, *suffixes):
    """Return the file of the copy with one of these endings. Raises ValueError where there is none."""
    for suffix in suffixes:
        for path in sorted((Path(kit) / "artifact").rglob(f"*{suffix}")):
            return path
    raise ValueError(f"The kit holds no file that ends in {' or '.join(suffixes)}.")


def read_facts(kit):
    return json.loads((Path(kit) / "kit.json").read_text(encoding="utf-8"))


def read_shapes(kit, file="inputs.npz"):
    """Return shapes and dtypes of the arrays of a kit by name."""
    with np.load(Path(kit) / file, allow_pickle=False) as archive:
        return {name: (archive[name].shape, archive[name].dtype) for name in archive}


_opened = {}


def keep_for_load(kit, model):
    """Keep what was opened to say what a model takes, for the load of the same kit; returns it."""
    _opened.clear()
    _opened[str(kit)] = model
    return model


def take_kept(kit):
    """Return what was kept of a kit, once; None where nothing was. What was kept of another is let go."""
    kept = _opened.pop(str(kit), None)
    _opened.clear()
    return kept


def ask_row_by_row(predict_row):
    """Return a function of many rows for one that takes a single row, as batches of one."""

    def predict(inputs):
        rows = len(next(iter(inputs.values())))
        parts = [predict_row({name: array[row : row + 1] for name, array in inputs.items()}) for row in range(rows)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return predict


def ask_at_once_or_row_by_row(predict):
    """Return a function of many rows, which asks one by one where a LiteRT file takes no batch."""

    def predict_rows(inputs):
        rows = len(next(iter(inputs.values())))
        try:
            outputs = predict(inputs)
        except (RuntimeError, ValueError):  # it takes no batch
            return ask_row_by_row(predict)(inputs)
        has_all = all(np.ndim(array) and len(array) == rows for array in outputs.values())
        return outputs if has_all else ask_row_by_row(predict)(inputs)

    return predict_rows


def read_onnx_outputs(path):
    """Return the names of an ONNX file's outputs, in its own order; engines give them names of their own."""
    import onnx

    return [output.name for output in onnx.load(path, load_external_data=False).graph.output]
