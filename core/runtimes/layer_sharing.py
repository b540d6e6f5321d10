"""What a Keras model shares: layers that are used in several places, and variables that several layers hold.

A file may rebuild such a layer once for each place. It answers the same at first, and one step of training tells: then
there are two layers that learn apart.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from core.runtimes.base import Model


def describe_sharing(model: Model) -> dict[str, int]:
    """How often each shared thing is used: "dense" in 2 places, "encoder/kernel = decoder/kernel" by 2 layers.

    Layers go by name; empty where nothing is shared.
    """
    return _count_shared_layers(model) | _count_shared_variables(model)


def _count_shared_layers(model: Model) -> dict[str, int]:
    uses: Counter[int] = Counter()
    names: dict[int, str] = {}
    for owner in _layer_owners(model):
        for layer, count in _layer_uses(owner):
            if type(layer).__name__ != "InputLayer":  # it computes nothing, and holds nothing
                uses[id(layer)] += count
                names[id(layer)] = layer.name
    return {names[at]: count for at, count in uses.items() if count > 1}


def _layer_owners(model: Model) -> Iterator[Any]:
    """The model and every layer in it that holds layers of its own, each once."""
    seen: set[int] = set()
    waiting = [model]
    while waiting:
        owner = waiting.pop(0)
        if id(owner) not in seen:
            seen.add(id(owner))
            yield owner
            waiting += _inner_layers(owner)


def _inner_layers(owner: Any) -> list[Any]:
    return list(owner._flatten_layers(include_self=False, recursive=False))


def _layer_uses(owner: Any) -> Iterator[tuple[Any, int]]:
    """Each layer that an owner holds, and in how many places of its graph it stands; 1 where it has no graph."""
    nodes = [node for level in getattr(owner, "_nodes_by_depth", {}).values() for node in level]
    calls = Counter(id(node.operation) for node in nodes)
    for layer in {id(inner): inner for inner in _inner_layers(owner)}.values():
        yield layer, max(calls[id(layer)], 1)


def _count_shared_variables(model: Model) -> dict[str, int]:
    """Variables that several layers hold, named by all of them: tied weights."""
    holders: dict[int, list[str]] = defaultdict(list)
    for layer in _layer_owners(model):
        for variable in _own_variables(layer):
            holders[id(variable)].append(f"{layer.name}/{variable.name}")
    return {" = ".join(sorted(names)): len(names) for names in holders.values() if len(names) > 1}


def _own_variables(layer: Any) -> list[Any]:
    """The variables that a layer made or was given, without those of the layers in it; each once."""
    own = [*getattr(layer, "_trainable_variables", ()), *getattr(layer, "_non_trainable_variables", ())]
    return list({id(variable): variable for variable in own}.values())
