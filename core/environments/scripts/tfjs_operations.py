"""Operations that TensorFlow.js lacks, written in others in the file of a SavedModel: Erfc, of which exact GELU is."""

from pathlib import Path


def rewrite_operations(folder):
    """Replace them in every function of a SavedModel."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    path = Path(folder) / "saved_model.pb"
    saved = SavedModel.FromString(path.read_bytes())
    for graph in (meta.graph_def for meta in saved.meta_graphs):
        replaced = [replace_erfc(graph.node)]
        replaced += [replace_erfc(function.node_def, function) for function in graph.library.function]
        if any(replaced):
            path.write_bytes(saved.SerializeToString())


def replace_erfc(nodes, function=None):
    """Write each Erfc of a list of nodes as 1 - Erf; returns whether there was any.

    In the body of a function an output is named as its operation names it, which is "y" of Erf and Erfc, "z" of Sub.
    """
    found = [node for node in nodes if node.op == "Erfc"]
    for node in found:
        one, erf = f"{node.name}/one", f"{node.name}/erf"
        copy = nodes.add(name=erf, op="Erf", input=list(node.input))
        copy.attr["T"].CopyFrom(node.attr["T"])
        add_one(nodes, one, node.attr["T"].type)
        node.op = "Sub"
        node.ClearField("input")
        node.input.extend([f"{one}:output:0", f"{erf}:y:0"] if function else [one, erf])
    if function and found:
        rename_outputs(function, {f"{node.name}:y:0": f"{node.name}:z:0" for node in found})
    return bool(found)


def add_one(nodes, name, dtype):
    import tensorflow as tf

    node = nodes.add(name=name, op="Const")
    node.attr["dtype"].type = dtype
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(1, dtype))


def rename_outputs(function, renamed):
    for node in function.node_def:
        given = [renamed.get(name, name) for name in node.input]
        node.ClearField("input")
        node.input.extend(given)
    for key, name in function.ret.items():
        function.ret[key] = renamed.get(name, name)
