"""TensorFlow's graphs: a GraphDef as a concrete function, and which variables a graph reads and assigns to."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def import_graph(graph: Any, inputs: Iterable[str], outputs: Mapping[str, str]) -> Any:
    """A GraphDef as a concrete function; its inputs, and its outputs by name, are names of tensors ("x:0")."""
    import tensorflow as tf

    whole = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(graph, name=""), [])
    find = whole.graph.get_tensor_by_name
    return whole.prune([find(name) for name in inputs], {name: find(tensor) for name, tensor in outputs.items()})


def import_frozen_graph(graph: Any) -> Any:
    """A GraphDef of constants as a concrete function from its placeholders to the ends of the graph, all by name."""
    outputs = {name: f"{name}:0" for name in graph_output_names(graph)}
    return import_graph(graph, [f"{name}:0" for name in graph_input_names(graph)], outputs)


def graph_input_names(graph: Any) -> list[str]:
    """The placeholders of a GraphDef that some node reads; control flow leaves others behind."""
    consumed = _consumed_names(graph)
    return [node.name for node in graph.node if node.op == "Placeholder" and node.name in consumed]


def graph_output_names(graph: Any) -> list[str]:
    """The nodes of a GraphDef that no other node reads: these are the outputs."""
    consumed = _consumed_names(graph)
    return [node.name for node in graph.node if node.name not in consumed and node.op not in ("NoOp", "Placeholder")]


def _consumed_names(graph: Any) -> set[str]:
    return {name.removeprefix("^").split(":")[0] for node in graph.node for name in node.input}


def called_functions(node: Any) -> list[str]:
    """Names to which a node refers as functions."""
    names = [node.op]
    for value in node.attr.values():
        names += [value.func.name, *(function.name for function in value.list.func)]
    return names


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
