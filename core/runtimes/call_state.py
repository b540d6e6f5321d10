"""What a model remembers from one call to the next, and the variables that a graph assigns to while it predicts."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.runtimes.imported_graph import called_functions

FORGETS_REMARK = "It remembers from call to call; here each call begins anew."
KEEPS_REMARK = "It remembers from call to call, and its state is kept: rows are one sequence, in the order asked."


def describe_state(remembers: bool | None, keeps: bool) -> str:
    """What a person should know of how something that remembers was asked; nothing of what does not."""
    return (KEEPS_REMARK if keeps else FORGETS_REMARK) if remembers else ""


@dataclass
class CallState:
    """What `forget` sets back to how it was; `keeps` is what a person chose."""

    forget: Callable[[], None]
    keeps: bool = False

    @property
    def remark(self) -> str:
        return describe_state(True, self.keeps)

    def wrap(self, call: Callable[[Arrays], Arrays]) -> Callable[[Arrays], Arrays]:
        """The same call, after which nothing is remembered."""

        def forgetting(inputs: Arrays) -> Arrays:
            try:
                return call(inputs)
            finally:
                if not self.keeps:
                    self.forget()

        return forgetting

    @contextmanager
    def remembered(self) -> Iterator[None]:
        """While this lasts a call leaves what it remembers, for a look at it; at its end it is forgotten."""
        keeps, self.keeps = self.keeps, True
        try:
            yield
        finally:
            self.keeps = keeps
            self.forget()


def variable_state(variables: Iterable[Any]) -> CallState | None:
    """The state that lies in these variables, as they are now; None where there are none."""
    values = [(variable, np.asarray(variable)) for variable in variables]

    def forget() -> None:
        for variable, value in values:
            variable.assign(value)

    return CallState(forget) if values else None


OPERATIONS = frozenset(f"Assign{what}{of}" for what in ("", "Add", "Sub") for of in ("", "VariableOp"))
OPERATION_STARTS = ("ResourceScatter", "ResourceStridedSliceAssign", "Scatter")
PASS_THROUGH = frozenset(["Identity", "Enter", "RefEnter", "Switch", "RefSwitch"])
CHOOSING = frozenset(["If", "StatelessIf", "Case", "StatelessCase"])  # their first input decides, the others go on
RANDOM_STATE = "seed_generator"  # in the name of a variable by which Keras counts random numbers


def assigned_variables(function: Any) -> list[Any]:
    """The variables that a concrete function assigns to, but those of random numbers.

    What draws at random is found out by asking twice, and must not be hidden.
    """
    if not function.graph.variables:
        return []
    sources = assigned_sources(function.graph.as_graph_def())
    captured = function.captured_inputs
    inner = list(function.graph.inputs)[len(function.graph.inputs) - len(captured) :]
    handles = {id(outer) for outer, tensor in zip(captured, inner, strict=True) if tensor.op.name in sources}
    variables = {id(variable.handle): variable for variable in function.graph.variables}
    return [variables[at] for at in variables.keys() & handles if RANDOM_STATE not in variables[at].name]


def assigned_sources(graph: Any, within: Iterable[str] | None = None) -> set[str]:
    """Names of the nodes of a GraphDef whose variable some node assigns to; `within` are the nodes that count."""
    bodies = {body.signature.name: body for body in graph.library.function}
    chosen = None if within is None else set(within)
    return _assigned_in_nodes(list(graph.node), bodies, {}, chosen)


def _assigned_in_nodes(
    nodes: list[Any], bodies: dict[str, Any], known: dict[str, set[int]], within: set[str] | None = None
) -> set[str]:
    by_name = {node.name: node for node in nodes}
    names = set()
    for node in nodes if within is None else [node for node in nodes if node.name in within]:
        inputs = [name for name in node.input if not name.startswith("^")]
        places = _assigned_places(node, bodies, known)
        names |= {_trace_handle(inputs[place], by_name) for place in places if place < len(inputs)}
    return names


def _assigned_places(node: Any, bodies: dict[str, Any], known: dict[str, set[int]]) -> set[int]:
    """Which inputs of a node are variables that it assigns to, itself or in a function that it calls."""
    if node.op in OPERATIONS or node.op.startswith(OPERATION_STARTS):
        return {0}
    offset = 1 if node.op in CHOOSING else 0
    called = [name for name in called_functions(node) if name in bodies]
    return {place + offset for name in called for place in _assigned_arguments(bodies[name], bodies, known)}


def _assigned_arguments(body: Any, bodies: dict[str, Any], known: dict[str, set[int]]) -> set[int]:
    """Which arguments of a function are variables that it assigns to; of one that calls itself, none meanwhile."""
    name = body.signature.name
    if name not in known:
        known[name] = set()
        sources = _assigned_in_nodes(list(body.node_def), bodies, known)
        known[name] = {place for place, item in enumerate(body.signature.input_arg) if item.name in sources}
    return known[name]


def _trace_handle(name: str, nodes: dict[str, Any]) -> str:
    """The node or argument that a handle comes from, through what only passes it on."""
    name = name.partition(":")[0]
    for _ in nodes:
        node = nodes.get(name)
        if node is None or node.op not in PASS_THROUGH or not node.input:
            break
        name = node.input[0].partition(":")[0]
    return name


def assign_operation(operation: Any, value: Any) -> Any:
    """What sets a variable of a graph to a value."""
    import tensorflow as tf

    with operation.graph.as_default():
        if operation.type == "VarHandleOp":
            return tf.raw_ops.AssignVariableOp(resource=operation.outputs[0], value=tf.constant(value))
        return tf.compat.v1.assign(operation.outputs[0], value).op


def upstream_operations(tensors: Iterable[Any]) -> Iterator[Any]:
    """Every operation that some tensors depend on, in the order of the graph."""
    waiting = [tensor.op for tensor in tensors]
    graph, seen = waiting[0].graph, set()
    while waiting:
        operation = waiting.pop()
        if operation.name not in seen:
            seen.add(operation.name)
            waiting += [*(tensor.op for tensor in operation.inputs), *operation.control_inputs]
    return (operation for operation in graph.get_operations() if operation.name in seen)


def variable_value(operation: Any) -> Any:
    """The tensor that reads a variable."""
    import tensorflow as tf

    if operation.type != "VarHandleOp":
        return operation.outputs[0]
    with operation.graph.as_default():
        return tf.raw_ops.ReadVariableOp(resource=operation.outputs[0], dtype=operation.get_attr("dtype"))
