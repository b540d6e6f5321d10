"""A Keras model's configuration as text: its layers, how they are connected, and what shapes they give.

Nothing is built from it but single layers of Keras' own, and these only to ask them for the shape of their output.
"""

import contextlib
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Any

from core.worker.describing.contents import MOST

RUNS_CODE = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
Json = dict[str, Any]


def layers(config: Json, values: dict[str, int]) -> list[Json]:
    """Every layer, those of a model within the model under its path; `values` counts stored numbers by layer name.

    Each is `{"name", "class", "module", "custom", "input_shape", "output_shape", "parameters", "dtype", "trainable",
    "after", "config"}`; shapes are lists with None where free, or None where the text does not tell.
    """
    return list(islice(_layers(config, "", values), MOST))


def _layers(config: Json, path: str, values: dict[str, int]) -> Iterator[Json]:
    inner = config.get("config") or {}
    listed = inner.get("layers") if isinstance(inner, dict) else None
    if not isinstance(listed, list):
        yield _layer(config, path, values)
        return
    rows = [_layer(one, path, values) for one in listed if isinstance(one, dict)]
    _connect(config, listed, rows)
    known = {row["name"]: row for row in rows}
    for one, row in zip([one for one in listed if isinstance(one, dict)], rows, strict=True):
        row["input_shape"] = row["input_shape"] or _shape_into(row, known)
        row["output_shape"] = row["output_shape"] or _shape_of(row)
        yield row
        within = one.get("config")
        if isinstance(within, dict) and isinstance(within.get("layers"), list):
            yield from _layers(one, row["name"] + "/", values)


def _layer(one: Json, path: str, values: dict[str, int]) -> Json:
    config = one.get("config") if isinstance(one.get("config"), dict) else {}
    name = str(config.get("name") or one.get("name") or one.get("class_name", ""))
    build = one.get("build_config") or {}
    shape = config.get("batch_shape") or config.get("batch_input_shape")
    return {
        "name": path + name,
        "class": str(one.get("class_name", "")),
        "module": one.get("module") or "",
        "custom": bool(one.get("registered_name")) or not str(one.get("module") or "keras").startswith("keras"),
        "input_shape": build.get("input_shape") or shape,
        "output_shape": shape,
        "parameters": values.get(path + name, values.get(name, 0)),
        "dtype": _dtype(config.get("dtype")),
        "trainable": config.get("trainable"),
        "after": [],
        "config": config,
    }


def _dtype(policy: Any) -> str:
    """The name of a dtype policy, however deep it is written."""
    while isinstance(policy, dict):
        inner = policy.get("config") or {}
        policy = inner.get("name") or inner.get("mode") or policy.get("class_name")
    return str(policy or "")


def _connect(config: Json, listed: list[Json], rows: list[Json]) -> None:
    """What comes before each layer, and the output shapes that the layers after it tell."""
    by_name = {row["name"].rsplit("/", 1)[-1]: row for row in rows}
    if config.get("class_name") == "Sequential":
        for before, after in pairwise(rows):
            after["after"] = [before["name"]]
            before["output_shape"] = after["input_shape"] or before["output_shape"]
        return
    for one, row in zip([one for one in listed if isinstance(one, dict)], rows, strict=True):
        for source, shape in _sources(one.get("inbound_nodes")):
            if source in by_name:
                row["after"] = list(dict.fromkeys([*row["after"], by_name[source]["name"]]))
                by_name[source]["output_shape"] = shape or by_name[source]["output_shape"]


def _sources(node: Any) -> Iterator[tuple[str, list[int | None] | None]]:
    """Names of the layers that a node reads, with the shape that it gets: as Keras 3 writes it, and as Keras 2 did."""
    if isinstance(node, dict):
        config = node.get("config")
        if node.get("class_name") == "__keras_tensor__" and isinstance(config, dict):
            yield str(config["keras_history"][0]), config.get("shape")
            return
        for value in node.values():
            yield from _sources(value)
    elif isinstance(node, list):
        if len(node) >= 3 and isinstance(node[0], str) and isinstance(node[1], int):
            yield node[0], None
            return
        for value in node:
            yield from _sources(value)


def _shape_into(row: Json, known: dict[str, Json]) -> Any:
    """The shape that a layer's only source gives; None where there are several, or nothing is known."""
    return known[row["after"][0]]["output_shape"] if len(row["after"]) == 1 else None


def _is_ours(row: Json) -> bool:
    """Whether Keras itself has such a layer, and it runs no code of the file."""
    import keras

    known = not row["module"] or str(row["module"]).startswith("keras.layers")
    return known and not row["custom"] and row["class"] not in RUNS_CODE and hasattr(keras.layers, row["class"])


def _shape_of(row: Json) -> list[int | None] | None:
    """Ask a layer of Keras' own for the shape of its output; None for every other, and where it does not say."""
    if not _is_ours(row):
        return None
    shape = row["input_shape"]
    if not isinstance(shape, list) or not all(size is None or isinstance(size, int) for size in shape):
        return None
    with contextlib.suppress(Exception):  # it is one cell of a table
        import keras

        told = {"module": "keras.layers", "class_name": row["class"], "config": row["config"], "registered_name": None}
        layer = keras.saving.deserialize_keras_object(told, safe_mode=True)
        found = layer.compute_output_shape(tuple(shape))
        return [None if size is None else int(size) for size in found]
    return None
