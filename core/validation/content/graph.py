"""What a graph of TensorFlow 1 or 2 uses and reaches: its nodes, the functions in its library, who calls whom."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from core.validation import limits, refusal
from core.validation.content.operation_allowlist import (
    ALLOWED_OPS,
    SAVER_OPS,
    SAVER_READ_OPS,
    SAVER_WRITE_OPS,
    TABLE_FILE_OPS,
)

MAIN = ""  # the name under which the graph itself stands among its functions
PASS_THROUGH_OPS = {"Identity", "PlaceholderWithDefault"}
# What may be handed to a function that reads a file: what is fed from outside, places of values, numbers.
HANDLE_OPS = {"Placeholder", "VarHandleOp", "HashTable", "HashTableV2", "MutableDenseHashTableV2", "MutableHashTableV2"}
HANDLE_OPS |= {"AnonymousHashTable", "AnonymousMutableHashTable", "MutableHashTableOfTensorsV2"}
DT_STRING = 7  # TensorFlow's number of the dtype of text
BYTES_PER_VALUE = 4  # that a number of a constant is taken to have
Nodes = dict[str, Any]  # NodeDef by name


class GraphIndex:
    """A graph and its functions: `bodies` are the nodes of each by name. Raises Refused for operations not allowed."""

    def __init__(self, definition: Any):
        self.bodies: dict[str, Nodes] = {MAIN: _by_name(definition.node)}
        for function in definition.library.function:
            if function.signature.name in self.bodies:
                raise refusal("saved-model-broken", function.signature.name)
            self.bodies[function.signature.name] = _by_name(function.node_def)
        if sum(map(len, self.bodies.values())) > limits.MAX_GRAPH_NODES:
            raise refusal("saved-model-broken", "more operations than any model has")
        self._gradients = {pair.function_name: pair.gradient_func for pair in definition.library.gradient}
        self.calls = {name: self._find_calls(body) for name, body in self.bodies.items()}
        self._callers: dict[str, set[str]] = {name: set() for name in self.bodies}
        for name in self.bodies:
            for inner in self.called_by(name):
                self._callers[inner].add(name)
        self._users: dict[frozenset[str], set[str]] = {}
        self.operation_counts = self._count_operations()

    def _find_calls(self, body: Nodes) -> dict[str, set[str]]:
        """Return the functions that each node of a body refers to, gradients included."""
        return {name: called for name, node in body.items() if (called := set(self._called_functions(node)))}

    def _called_functions(self, node: Any) -> Iterator[str]:
        names = [node.op] if node.op in self.bodies else []
        for value in node.attr.values():
            names += [value.func.name] if value.HasField("func") else []
            names += [function.name for function in value.list.func] if value.HasField("list") else []
        for name in names:
            if name not in self.bodies:
                raise refusal("operation", name)
            yield name
            if name in self._gradients:
                yield self._gradients[name]

    def _count_operations(self) -> dict[str, int]:
        counts = Counter(node.op for body in self.bodies.values() for node in body.values())
        for name in counts:
            if name not in self.bodies and name not in ALLOWED_OPS | SAVER_OPS | TABLE_FILE_OPS:
                raise refusal("operation", name)
        return dict(counts)

    def called_by(self, function: str) -> set[str]:
        return set().union(*self.calls[function].values())

    def functions_using(self, operations: frozenset[str]) -> set[str]:
        """Return the functions that use one of these operations, or call one that does."""
        if operations not in self._users:
            users = [name for name, body in self.bodies.items() if any(node.op in operations for node in body.values())]
            self._users[operations] = _closure(users, lambda name: self._callers[name]) - {MAIN}
        return self._users[operations]

    def nodes_using(self, operations: frozenset[str], body: str) -> set[str]:
        """Return the nodes of a body that are one of these operations, or call a function that uses one."""
        functions, calls = self.functions_using(operations), self.calls[body]
        nodes = self.bodies[body].items()
        return {name for name, node in nodes if node.op in operations or calls.get(name, set()) & functions}

    def upstream_nodes(self, roots: Iterable[str]) -> set[str]:
        """Return the nodes of the graph itself from which these can be computed, these included."""
        nodes = self.bodies[MAIN]

        def inputs(name: str) -> set[str]:
            return {node_name(input_) for input_ in nodes[name].input} & nodes.keys()

        return _closure({node_name(root) for root in roots if root} & nodes.keys(), inputs)

    def value_source(self, name: str, body: str, fed_nodes: set[str]) -> Any:
        """Return the node that a value comes from, through what only passes it on.

        None for an argument of a function, and for `fed_nodes`, which TensorFlow fills.
        """
        seen: set[str] = set()
        while (node := self.bodies[body].get(node_name(name))) is not None:
            if node.name in fed_nodes:
                return None
            if node.op not in PASS_THROUGH_OPS or not node.input:
                return node
            if node.name in seen:
                raise refusal("saved-model-broken", node.name)
            seen.add(node.name)
            name = node.input[0]
        return None


def _by_name(nodes: Iterable[Any]) -> Nodes:
    named: Nodes = {}
    for node in nodes:
        if node.name in named:
            raise refusal("saved-model-broken", node.name)
        named[node.name] = node
    return named


def node_name(name: str) -> str:
    """Return the node of an input as it is written: "^x", "x:0" and "x:out:0" are all of x."""
    return name.removeprefix("^").partition(":")[0]


def _closure(roots: Iterable[str], successors: Callable[[str], Iterable[str]]) -> set[str]:
    """Return the roots and everything that is reached from them."""
    waiting, reached = list(roots), set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(successors(name))
    return reached


def check_saver(graph: GraphIndex, saver: Any, other_roots: set[str], callable_functions: set[str]) -> None:
    """Check that operations of a saver stand only where the saver alone reaches: not in what answers or loads.

    Args:
        other_roots: The roots of everything else in the graph itself.
        callable_functions: Those that can be called from outside.

    Raises:
        Refused: One of them stands elsewhere, or restores from a place that the graph itself says.
    """
    users = graph.nodes_using(SAVER_OPS, MAIN)
    save, restore = graph.upstream_nodes([saver.save_tensor_name]), graph.upstream_nodes([saver.restore_op_name])
    elsewhere = users & (graph.upstream_nodes(other_roots) | (users - save - restore))
    for wrong in (elsewhere, graph.nodes_using(SAVER_WRITE_OPS, MAIN) & restore):
        if wrong:
            raise refusal("saver-operation", graph.bodies[MAIN][min(wrong)].op)
    reachable = _closure(callable_functions & graph.bodies.keys(), graph.called_by)
    if wrong := graph.functions_using(SAVER_OPS) & reachable:
        raise refusal("saver-operation", min(wrong))
    _check_file_name_sources(graph, SAVER_READ_OPS, {node_name(saver.filename_tensor_name)}, "saver-operation")


def check_tables(graph: GraphIndex, assets: set[str]) -> None:
    """Check that the words of tables come from assets: nodes of the graph that stand for one. Raises Refused."""
    _check_file_name_sources(graph, TABLE_FILE_OPS, assets, "asset-name")


def _check_file_name_sources(graph: GraphIndex, file_ops: frozenset[str], fed_nodes: set[str], rule: str) -> None:
    """Check that what reads a file is told where by TensorFlow, in an argument or in one of `fed_nodes`, and by no text
    that the graph itself holds or makes."""
    for body, nodes in graph.bodies.items():
        fed = fed_nodes if body == MAIN else set()
        for name in sorted(graph.nodes_using(file_ops, body)):
            node = nodes[name]
            position = 1 if node.op in TABLE_FILE_OPS else 0
            for input_ in node.input[position : position + 1] if node.op in file_ops else node.input:
                source = None if input_.startswith("^") else graph.value_source(input_, body, fed)
                if source is not None and not _cannot_be_path(source):
                    raise refusal(rule, source.name)


def _cannot_be_path(node: Any) -> bool:
    """Whether a node gives no single text, which could be a path; lists of words are none."""
    if node.op != "Const":
        return node.op in HANDLE_OPS
    return node.attr["dtype"].type != DT_STRING or bool(node.attr["value"].tensor.tensor_shape.dim)


def check_constants(graph: GraphIndex, max_bytes: int) -> None:
    """Check that all constants together unfold to no more than `max_bytes`. Raises Refused."""
    total = 0
    for node in (node for body in graph.bodies.values() for node in body.values() if node.op == "Const"):
        sizes = [axis.size for axis in node.attr["value"].tensor.tensor_shape.dim]
        total += math.prod(sizes) * BYTES_PER_VALUE
        if any(size < 0 for size in sizes) or total > max_bytes:
            raise refusal("graph-size", node.name)
