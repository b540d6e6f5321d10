"""The parts of a file's contents as JSON, which cross a process with the keys that stand here."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NotRequired, TypedDict

MAX_ENTRIES = 5_000  # operations, tensors or layers that are listed of one file

Shape = list[int | None] | None  # None for a free size, and for a shape of which nothing is known
Facts = dict[str, Any]  # labels and values for a person to read


class Port(TypedDict):
    """One input or output of a signature; `tensor` is the graph's own name for it."""

    name: str
    dtype: str
    shape: Shape
    tensor: NotRequired[str]
    note: NotRequired[str]


class Signature(TypedDict):
    """One named entry point."""

    name: str
    method: str
    inputs: list[Port]
    outputs: list[Port]
    tags: NotRequired[str]


class Function(TypedDict):
    """One function of a file, with what it takes and gives in words."""

    name: str
    takes: str
    gives: str


class Signatures(TypedDict):
    """The part "signatures"."""

    signatures: list[Signature]
    functions: list[Function]
    facts: Facts


# One layer of Keras: numbers stored for it, layers that feed it; shapes are None where the config does not tell.
Layer = TypedDict(
    "Layer",
    {
        "name": str,
        "class": str,
        "module": str,
        "custom": bool,
        "input_shape": Any,
        "output_shape": Any,
        "parameters": int,
        "dtype": str,
        "trainable": bool | None,
        "after": list[str],
        "config": dict[str, Any],
    },
)


class Operation(TypedDict):
    """One operation; `graph` is the graph in which it stands, or the version of its set of operations."""

    name: str
    op: str
    graph: str
    inputs: list[str]
    outputs: list[str]
    dtype: NotRequired[str]
    shape: NotRequired[Shape]
    attributes: NotRequired[str]


class GraphTensor(TypedDict):
    """One tensor of a graph; `role` is "input", "output", "constant" or "between"."""

    name: str
    shape: Shape
    dtype: str
    role: str
    graph: NotRequired[str]
    note: NotRequired[str]


class Operators(TypedDict):
    """The part "operators": the number of each operation, then operations and tensors one by one."""

    counts: dict[str, int]
    operators: list[Operation]
    tensors: list[GraphTensor]
    facts: Facts
    by_graph: NotRequired[dict[str, dict[str, int]]]


def make_operators(operations: list[Operation], facts: Facts, tensors: Iterable[GraphTensor] = ()) -> Operators:
    """The part "operators" from all operations and tensors, of which the first `MAX_ENTRIES` are listed."""
    return {
        "counts": count_operations(operation["op"] for operation in operations),
        "operators": operations[:MAX_ENTRIES],
        "tensors": list(tensors)[:MAX_ENTRIES],
        "facts": facts | {"operations": len(operations)},
    }


def count_operations(names: Iterable[str]) -> dict[str, int]:
    """How often each operation occurs, the most frequent first."""
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def drop_empty(facts: Mapping[str, Any]) -> Facts:
    """Facts without those that the file leaves out."""
    return {name: value for name, value in facts.items() if value}


def decode_text(value: Any) -> str:
    """Text of a file as it can be shown."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
