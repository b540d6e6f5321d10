"""What a graph of TensorFlow 1 or 2 uses and reaches: its nodes, the functions in its library, who calls whom."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from core.validation import refused, rules
from core.validation.content.graph_ops import ALLOWED, READS, SAVER, TABLES, WRITES

MAIN = ""  # the name under which the graph itself stands among its functions
PASSED_ON = {"Identity", "PlaceholderWithDefault"}
# What may be handed to a function that reads a file: what is fed from outside, places of values, numbers.
HANDLES = {"Placeholder", "VarHandleOp", "HashTable", "HashTableV2", "MutableDenseHashTableV2", "MutableHashTableV2"}
HANDLES |= {"AnonymousHashTable", "AnonymousMutableHashTable", "MutableHashTableOfTensorsV2"}
TEXT, BYTES = 7, 4  # TensorFlow's number of the dtype of text; bytes that a number of a constant is taken to have


class Graph:
    """A graph and its functions: `bodies` are the nodes of each by name. Raises Refused for operations not allowed."""

    def __init__(self, definition: Any):
        library = definition.library.function
        self.bodies: dict[str, dict[str, Any]] = {MAIN: _by_name(definition.node)}
        for function in library:
            if function.signature.name in self.bodies:
                raise refused("saved-model-broken", function.signature.name)
            self.bodies[function.signature.name] = _by_name(function.node_def)
        if sum(len(body) for body in self.bodies.values()) > rules.NODES:
            raise refused("saved-model-broken", "more operations than any model has")
        self.gradients = {one.function_name: one.gradient_func for one in definition.library.gradient}
        self.calls = {name: _calls_in(body, self) for name, body in self.bodies.items()}
        self.callers: dict[str, set[str]] = {name: set() for name in self.bodies}
        for name, called in self.calls.items():
            for inner in set().union(*called.values()):
                self.callers[inner].add(name)
        self._using: dict[frozenset[str], set[str]] = {}
        self.operations = self._operations()

    def _operations(self) -> dict[str, int]:
        counts: dict[str, int] = defaultdict(int)
        for body in self.bodies.values():
            for node in body.values():
                if node.op not in self.bodies and node.op not in ALLOWED and node.op not in SAVER | TABLES:
                    raise refused("operation", node.op)
                counts[node.op] += 1
        return dict(counts)

    def functions_with(self, operations: frozenset[str]) -> set[str]:
        """The functions that use one of these operations, or call one that does."""
        if operations not in self._using:
            waiting = [name for name, body in self.bodies.items() if any(one.op in operations for one in body.values())]
            found: set[str] = set()
            while waiting:
                name = waiting.pop()
                if name not in found:
                    found.add(name)
                    waiting.extend(self.callers[name])
            self._using[operations] = found - {MAIN}
        return self._using[operations]

    def users(self, operations: frozenset[str], body: str) -> set[str]:
        """Nodes of a body that are one of these operations, or call a function that uses one."""
        inside = self.functions_with(operations)
        return {
            name
            for name, node in self.bodies[body].items()
            if node.op in operations or self.calls[body].get(name, set()) & inside
        }

    def reached(self, roots: Iterable[str], body: str = MAIN) -> set[str]:
        """Names of the nodes from which the given ones can be computed, these included."""
        waiting, found = [_node_of(root) for root in roots if root], set()
        while waiting:
            name = waiting.pop()
            if name in found or name not in self.bodies[body]:
                continue
            found.add(name)
            waiting.extend(_node_of(one) for one in self.bodies[body][name].input)
        return found

    def source(self, name: str, body: str, given: set[str]) -> Any:
        """Where a value comes from, through what only passes it on: a node, or None for an argument of a function and
        for the nodes `given`, which TensorFlow fills."""
        seen: set[str] = set()
        while (node := self.bodies[body].get(_node_of(name))) is not None and (node.op in PASSED_ON and node.input):
            if node.name in given:
                return None
            if node.name in seen:
                raise refused("saved-model-broken", node.name)
            seen.add(node.name)
            name = node.input[0]
        return None if node is not None and node.name in given else node


def _by_name(nodes: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in nodes:
        if node.name in found:
            raise refused("saved-model-broken", node.name)
        found[node.name] = node
    return found


def _node_of(name: str) -> str:
    """The node of an input as it is written: "^x", "x:0" and "x:out:0" are all of x."""
    return name.removeprefix("^").partition(":")[0]


def _calls_in(body: dict[str, Any], graph: Graph) -> dict[str, set[str]]:
    """The functions that each node of a body refers to, gradients included."""
    return {name: called for name, node in body.items() if (called := set(_called(node, graph)))}


def _called(node: Any, graph: Graph) -> Iterator[str]:
    names = [node.op] if node.op in graph.bodies else []
    for value in node.attr.values():
        names += [value.func.name] if value.HasField("func") else []
        names += [one.name for one in value.list.func] if value.HasField("list") else []
    for name in names:
        if name not in graph.bodies:
            raise refused("operation", name)
        yield name
        if name in graph.gradients:
            yield graph.gradients[name]


def check_saver(graph: Graph, saver: Any, others: set[str], functions: set[str]) -> None:
    """Operations of a saver stand only where the saver alone reaches: not in what answers or runs on loading.

    `others` are the roots of everything else in the graph itself, `functions` those that can be called from outside.
    Raises Refused.
    """
    users = graph.users(SAVER, MAIN)
    save, restore = graph.reached([saver.save_tensor_name]), graph.reached([saver.restore_op_name])
    reached_too = graph.reached(others) | (users - save - restore)
    if wrong := users & reached_too:
        raise refused("saver-operation", _first_operation(graph, wrong))
    if wrong := graph.users(WRITES, MAIN) & restore:
        raise refused("saver-operation", _first_operation(graph, wrong))
    if wrong := graph.functions_with(SAVER) & _called_from(graph, functions):
        raise refused("saver-operation", min(wrong))
    _check_places(graph, READS, {_node_of(saver.filename_tensor_name)})


def _first_operation(graph: Graph, names: set[str]) -> str:
    return graph.bodies[MAIN][min(names)].op


def _called_from(graph: Graph, functions: set[str]) -> set[str]:
    waiting, found = list(functions & graph.bodies.keys()), set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(inner for called in graph.calls[name].values() for inner in called)
    return found


def check_tables(graph: Graph, assets: set[str]) -> None:
    """Words of tables come from assets: `assets` are the nodes of the graph that stand for one. Raises Refused."""
    _check_places(graph, TABLES, assets)


def _check_places(graph: Graph, reading: frozenset[str], given: set[str]) -> None:
    """What reads a file is told where by TensorFlow, in an argument or in one of the nodes `given`, and by no text that
    the graph itself holds or makes."""
    for body in graph.bodies:
        for name in sorted(graph.users(reading, body)):
            node = graph.bodies[body][name]
            place = 1 if node.op in TABLES else 0
            for one in node.input[place : place + 1] if node.op in reading else node.input:
                source = graph.source(one, body, given if body == MAIN else set())
                if not one.startswith("^") and source is not None and not _is_no_place(source):
                    raise refused("asset-name" if reading is TABLES else "saver-operation", source.name)


def _is_no_place(node: Any) -> bool:
    """Whether a node gives no single text, which could be a path; lists of words are none."""
    if node.op != "Const":
        return node.op in HANDLES
    return node.attr["dtype"].type != TEXT or bool(node.attr["value"].tensor.tensor_shape.dim)


def check_constants(graph: Graph, most: int) -> None:
    """No constant unfolds to more than `most` bytes, all of them together. Raises Refused."""
    total = 0
    for body in graph.bodies.values():
        for node in body.values():
            if node.op == "Const":
                sizes = [one.size for one in node.attr["value"].tensor.tensor_shape.dim]
                if any(size < 0 for size in sizes):
                    raise refused("graph-size", node.name)
                total += math.prod(sizes) * BYTES
                if total > most:
                    raise refused("graph-size", node.name)
