"""What a graph of TensorFlow 1 or 2 uses and reaches: its nodes, the functions in its library, who calls whom."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from core.validation import limits, refusal
from core.validation.content.graph_ops import ALLOWED_OPS, SAVER_OPS, SAVER_READ_OPS, SAVER_WRITE_OPS, TABLE_FILE_OPS

MAIN = ""  # the name under which the graph itself stands among its functions
PASS_THROUGH_OPS = {"Identity", "PlaceholderWithDefault"}
# What may be handed to a function that reads a file: what is fed from outside, places of values, numbers.
HANDLE_OPS = {"Placeholder", "VarHandleOp", "HashTable", "HashTableV2", "MutableDenseHashTableV2", "MutableHashTableV2"}
HANDLE_OPS |= {"AnonymousHashTable", "AnonymousMutableHashTable", "MutableHashTableOfTensorsV2"}
DT_STRING, BYTES_PER_VALUE = (
    7,
    4,
)  # TensorFlow's number of the dtype of text; bytes that a number of a constant is taken to have


class GraphIndex:
    """A graph and its functions: `bodies` are the nodes of each by name. Raises Refused for operations not allowed."""

    def __init__(self, definition: Any):
        library = definition.library.function
        self.bodies: dict[str, dict[str, Any]] = {MAIN: _by_name(definition.node)}
        for function in library:
            if function.signature.name in self.bodies:
                raise refusal("saved-model-broken", function.signature.name)
            self.bodies[function.signature.name] = _by_name(function.node_def)
        if sum(len(body) for body in self.bodies.values()) > limits.MAX_GRAPH_NODES:
            raise refusal("saved-model-broken", "more operations than any model has")
        self.gradients = {one.function_name: one.gradient_func for one in definition.library.gradient}
        self.calls = {name: _find_calls(body, self) for name, body in self.bodies.items()}
        self.callers: dict[str, set[str]] = {name: set() for name in self.bodies}
        for name, called in self.calls.items():
            for inner in set().union(*called.values()):
                self.callers[inner].add(name)
        self._functions_by_operations: dict[frozenset[str], set[str]] = {}
        self.operation_counts = self._count_operations()

    def _count_operations(self) -> dict[str, int]:
        counts: dict[str, int] = defaultdict(int)
        for body in self.bodies.values():
            for node in body.values():
                if (
                    node.op not in self.bodies
                    and node.op not in ALLOWED_OPS
                    and node.op not in SAVER_OPS | TABLE_FILE_OPS
                ):
                    raise refusal("operation", node.op)
                counts[node.op] += 1
        return dict(counts)

    def functions_using(self, operations: frozenset[str]) -> set[str]:
        """The functions that use one of these operations, or call one that does."""
        if operations not in self._functions_by_operations:
            waiting = [name for name, body in self.bodies.items() if any(one.op in operations for one in body.values())]
            found: set[str] = set()
            while waiting:
                name = waiting.pop()
                if name not in found:
                    found.add(name)
                    waiting.extend(self.callers[name])
            self._functions_by_operations[operations] = found - {MAIN}
        return self._functions_by_operations[operations]

    def nodes_using(self, operations: frozenset[str], body: str) -> set[str]:
        """Nodes of a body that are one of these operations, or call a function that uses one."""
        inside = self.functions_using(operations)
        return {
            name
            for name, node in self.bodies[body].items()
            if node.op in operations or self.calls[body].get(name, set()) & inside
        }

    def upstream_nodes(self, roots: Iterable[str], body: str = MAIN) -> set[str]:
        """Names of the nodes from which the given ones can be computed, these included."""
        waiting, found = [_node_name(root) for root in roots if root], set()
        while waiting:
            name = waiting.pop()
            if name in found or name not in self.bodies[body]:
                continue
            found.add(name)
            waiting.extend(_node_name(one) for one in self.bodies[body][name].input)
        return found

    def value_source(self, name: str, body: str, fed_nodes: set[str]) -> Any:
        """Where a value comes from, through what only passes it on: a node, or None for an argument of a function and
        for the nodes `given`, which TensorFlow fills."""
        seen: set[str] = set()
        while (node := self.bodies[body].get(_node_name(name))) is not None and (
            node.op in PASS_THROUGH_OPS and node.input
        ):
            if node.name in fed_nodes:
                return None
            if node.name in seen:
                raise refusal("saved-model-broken", node.name)
            seen.add(node.name)
            name = node.input[0]
        return None if node is not None and node.name in fed_nodes else node


def _by_name(nodes: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in nodes:
        if node.name in found:
            raise refusal("saved-model-broken", node.name)
        found[node.name] = node
    return found


def _node_name(name: str) -> str:
    """The node of an input as it is written: "^x", "x:0" and "x:out:0" are all of x."""
    return name.removeprefix("^").partition(":")[0]


def _find_calls(body: dict[str, Any], graph: GraphIndex) -> dict[str, set[str]]:
    """The functions that each node of a body refers to, gradients included."""
    return {name: called for name, node in body.items() if (called := set(_called_functions(node, graph)))}


def _called_functions(node: Any, graph: GraphIndex) -> Iterator[str]:
    names = [node.op] if node.op in graph.bodies else []
    for value in node.attr.values():
        names += [value.func.name] if value.HasField("func") else []
        names += [one.name for one in value.list.func] if value.HasField("list") else []
    for name in names:
        if name not in graph.bodies:
            raise refusal("operation", name)
        yield name
        if name in graph.gradients:
            yield graph.gradients[name]


def check_saver(graph: GraphIndex, saver: Any, other_roots: set[str], callable_functions: set[str]) -> None:
    """Operations of a saver stand only where the saver alone reaches: not in what answers or runs on loading.

    `others` are the roots of everything else in the graph itself, `functions` those that can be called from outside.
    Raises Refused.
    """
    users = graph.nodes_using(SAVER_OPS, MAIN)
    save, restore = graph.upstream_nodes([saver.save_tensor_name]), graph.upstream_nodes([saver.restore_op_name])
    reached_too = graph.upstream_nodes(other_roots) | (users - save - restore)
    if wrong := users & reached_too:
        raise refusal("saver-operation", _first_operation(graph, wrong))
    if wrong := graph.nodes_using(SAVER_WRITE_OPS, MAIN) & restore:
        raise refusal("saver-operation", _first_operation(graph, wrong))
    if wrong := graph.functions_using(SAVER_OPS) & _reachable_functions(graph, callable_functions):
        raise refusal("saver-operation", min(wrong))
    _check_file_name_sources(graph, SAVER_READ_OPS, {_node_name(saver.filename_tensor_name)})


def _first_operation(graph: GraphIndex, names: set[str]) -> str:
    return graph.bodies[MAIN][min(names)].op


def _reachable_functions(graph: GraphIndex, functions: set[str]) -> set[str]:
    waiting, found = list(functions & graph.bodies.keys()), set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(inner for called in graph.calls[name].values() for inner in called)
    return found


def check_tables(graph: GraphIndex, assets: set[str]) -> None:
    """Words of tables come from assets: `assets` are the nodes of the graph that stand for one. Raises Refused."""
    _check_file_name_sources(graph, TABLE_FILE_OPS, assets)


def _check_file_name_sources(graph: GraphIndex, file_ops: frozenset[str], fed_nodes: set[str]) -> None:
    """What reads a file is told where by TensorFlow, in an argument or in one of the nodes `given`, and by no text that
    the graph itself holds or makes."""
    for body in graph.bodies:
        for name in sorted(graph.nodes_using(file_ops, body)):
            node = graph.bodies[body][name]
            place = 1 if node.op in TABLE_FILE_OPS else 0
            for one in node.input[place : place + 1] if node.op in file_ops else node.input:
                source = graph.value_source(one, body, fed_nodes if body == MAIN else set())
                if not one.startswith("^") and source is not None and not _cannot_be_path(source):
                    raise refusal("asset-name" if file_ops is TABLE_FILE_OPS else "saver-operation", source.name)


def _cannot_be_path(node: Any) -> bool:
    """Whether a node gives no single text, which could be a path; lists of words are none."""
    if node.op != "Const":
        return node.op in HANDLE_OPS
    return node.attr["dtype"].type != DT_STRING or bool(node.attr["value"].tensor.tensor_shape.dim)


def check_constants(graph: GraphIndex, max_bytes: int) -> None:
    """No constant unfolds to more than `most` bytes, all of them together. Raises Refused."""
    total = 0
    for body in graph.bodies.values():
        for node in body.values():
            if node.op == "Const":
                sizes = [one.size for one in node.attr["value"].tensor.tensor_shape.dim]
                if any(size < 0 for size in sizes):
                    raise refusal("graph-size", node.name)
                total += math.prod(sizes) * BYTES_PER_VALUE
                if total > max_bytes:
                    raise refusal("graph-size", node.name)
