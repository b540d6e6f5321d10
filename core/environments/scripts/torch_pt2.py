"""Exported programs of PyTorch (.pt2): written by Keras under the back end torch, and run by PyTorch alone."""

import json
from pathlib import Path

import numpy as np
from kit_files import find_file, read_shapes

MODULES = ("numpy", "torch")
DISTRIBUTIONS = ("torch", "keras")
PORTS = "ports.json"  # a file within the program's own: inputs as name, dtype and shape, and the names of outputs
ROWS = 2  # with which it is traced: a size of one would become a constant
SIZE = 7  # for each other size that is free


def save(given, folder):
    import keras
    import torch
    from keras_model import list_specs
    from keras_torch import describe_differences

    model = keras.models.load_model(find_file(given, ".keras"), compile=False)
    specs, outputs = list_specs(model), []
    module = make_module(model, [name for name, *_ in specs], outputs)
    tensors = tuple(make_tensor(dtype, shape) for _, dtype, shape in specs)
    free = tuple(list_free_sizes(shape) for *_, shape in specs)
    program = torch.export.export(module, tensors, dynamic_shapes=(free,), strict=False)
    weights = [module.keys[id(variable)] for variable in model.weights]
    ports = {"inputs": specs, "outputs": outputs, "weights": weights, "note": describe_differences(model)}
    torch.export.save(program, str(Path(folder) / "model.pt2"), extra_files={PORTS: json.dumps(ports)})


def make_module(model, inputs, outputs):
    """Return a module that takes the inputs of a Keras model, of these names, in their order, as PyTorch programs do.

    It returns one tensor, or several by name as Roundtrip names them; the names are put into `outputs` when it is
    called. Variables are its own parameters and buffers: of a Keras model itself PyTorch would write constants into
    the graph, and parameters beside them that no answer depends on.
    """
    import torch
    from keras_model import name_outputs

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.keys = {}
            for variable in model.trainable_variables:
                self.register_parameter(self.name(variable), torch.nn.Parameter(variable.value.detach()))
            for variable in model.non_trainable_variables:
                self.register_buffer(self.name(variable), variable.value.detach())

        def name(self, variable):
            """Return a name for a variable that no other has; PyTorch allows no dot in it."""
            path = variable.path.replace(".", "_")
            is_taken = path in self.keys.values()
            return self.keys.setdefault(id(variable), f"{path}_{len(self.keys)}" if is_taken else path)

        def forward(self, *tensors):
            feed = dict(zip(inputs, tensors, strict=True)) if len(tensors) > 1 else tensors[0]
            kinds = (model.trainable_variables, model.non_trainable_variables)
            values = [[getattr(self, self.keys[id(variable)]) for variable in variables] for variables in kinds]
            given, _ = model.stateless_call(*values, feed, training=False)
            named = name_outputs(given, getattr(model, "output_names", None), [])
            outputs[:] = list(named)
            return named if len(named) > 1 else next(iter(named.values()))

    return Module().eval()


def make_tensor(dtype, shape):
    import torch

    rows, *sizes = shape
    return torch.zeros([rows or ROWS, *(size or SIZE for size in sizes)], dtype=getattr(torch, dtype))


def list_free_sizes(shape):
    """Return the free sizes of an input as PyTorch is told of them, which refuses a model that fixes one."""
    import torch

    return {at: torch.export.Dim.DYNAMIC for at, size in enumerate(shape) if size is None}


def load(kit):
    import torch

    extra = {PORTS: ""}
    program = torch.export.load(str(find_file(kit, ".pt2")), extra_files=extra)
    module, ports = program.module(), json.loads(extra[PORTS])
    wanted = list(read_shapes(kit, "expected.npz")) if (Path(kit) / "expected.npz").is_file() else []
    names = wanted if len(wanted) == len(ports["outputs"]) == 1 else ports["outputs"]

    def predict(inputs):
        with torch.no_grad():
            outputs = module(*(torch.from_numpy(np.ascontiguousarray(inputs[name])) for name, *_ in ports["inputs"]))
        tensors = outputs.values() if isinstance(outputs, dict) else [outputs]
        return {name: to_array(tensor) for name, tensor in zip(names, tensors, strict=True)}

    predict.program, predict.ports, predict.note = program, ports, ports["note"]
    return predict


def to_array(tensor):
    array = tensor.detach()
    return (array.float() if str(array.dtype) == "torch.bfloat16" else array).numpy()


def read(predict, out):
    state = predict.program.state_dict
    weights = [(name, to_array(state[name])) for name in predict.ports["weights"]]
    return {"inputs": predict.ports["inputs"], "weights": weights, "optimizer": []}
