"""Exported programs of PyTorch lowered to ExecuTorch for one row, with the kernels of XNNPACK, and run by it."""

import json

import numpy as np
from kit_files import ask_row_by_row, find_file, read_shapes

MODULES = ("numpy", "torch", "executorch.exir", "executorch.runtime")
DISTRIBUTIONS = ("executorch", "torch")
PORTS = "ports.json"


def load(kit):
    import torch
    from executorch.runtime import Runtime

    extra = {PORTS: ""}
    program = torch.export.load(str(find_file(kit, ".pt2")), extra_files=extra)
    ports = json.loads(extra[PORTS])
    content = lower(program, make_row(ports["inputs"], read_shapes(kit)))
    runtime = Runtime.get().load_program(content)
    method = runtime.load_method("forward")
    wanted = list(read_shapes(kit, "expected.npz"))
    names = wanted if len(wanted) == len(ports["outputs"]) == 1 else ports["outputs"]

    def predict_row(inputs):
        tensors = [torch.from_numpy(np.ascontiguousarray(inputs[name])) for name, *_ in ports["inputs"]]
        outputs = method.execute(tensors)
        return {name: np.array(tensor.detach()) for name, tensor in zip(names, outputs, strict=True)}

    predict = ask_row_by_row(predict_row)
    predict.note = ports["note"]
    predict.kept = content, runtime  # which the method does not keep itself, and reads
    return predict


def make_row(inputs, asked):
    """Return zeros in the shapes of one row; a size that the program leaves free is that of the kit's rows."""
    import torch

    shapes = {name: fill_free_sizes(sizes, asked[name][0][1:]) for name, _, (_, *sizes) in inputs}
    return tuple(torch.zeros([1, *shapes[name]], dtype=getattr(torch, dtype)) for name, dtype, _ in inputs)


def fill_free_sizes(sizes, given):
    return [own if size is None else size for size, own in zip(sizes, given, strict=True)]


def use_plain_order(module):
    """Have a module keep pictures in the plain order: the one that Keras chooses, channels last, ExecuTorch refuses.

    It is that of the numbers in memory, and changes none of them.
    """
    for node in module.graph.nodes:
        node.args = tuple(replace_order(argument) for argument in node.args)
        node.kwargs = {name: replace_order(argument) for name, argument in node.kwargs.items()}
    module.recompile()
    return module


def replace_order(argument):
    import torch

    return torch.contiguous_format if argument is torch.channels_last else argument


def lower(program, row):
    """Return the bytes of a program for one row: with the number of rows free, ExecuTorch runs no recurrent layer."""
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower

    fixed = torch.export.export(use_plain_order(program.module()), row)
    config = EdgeCompileConfig(_skip_dim_order=True)  # else it lowers what it then fails to run, and says a number
    edge = to_edge_transform_and_lower(fixed, partitioner=[XnnpackPartitioner()], compile_config=config)
    return edge.to_executorch().buffer
