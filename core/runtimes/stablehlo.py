"""StableHLO: a graph in the operations that XLA and other compilers take, run here by TensorFlow's own XLA."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.arrays import Arrays
from core.runtimes.base import NO_CODE, ModelCode, Predictor
from core.runtimes.batch_adapter import adapt_batch_size, adapted_predictor
from core.runtimes.specs import Spec

FILE, PORTS = "model.mlirbc", "ports.json"
# Of the operation XlaCallModule, through which TensorFlow runs a module: it knows from 4 to 10 today.
CALL_VERSION = 9


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    """Load on the processor; it is compiled at the first call."""
    path = folder / FILE
    ports, call = read_ports(path), open_module(path)
    specs = tuple(Spec(name, dtype, tuple(shape)) for name, dtype, shape in ports["inputs"])
    shapes = {name: tuple(shape) for name, _, shape in ports["outputs"]}
    return adapted_predictor(call, adapt_batch_size(specs, shapes, call))


def read_ports(path: Path) -> dict[str, list[list[Any]]]:
    """The inputs and the outputs of a module, each as its name, dtype and shape: the module itself has no names."""
    ports: dict[str, list[list[Any]]] = json.loads(path.with_name(PORTS).read_text(encoding="utf-8"))
    return ports


def open_module(path: Path) -> Callable[[Arrays], Arrays]:
    """A function from inputs by name, in the stated shapes, to outputs by name."""
    import tensorflow as tf
    from tensorflow.compiler.tf2xla.python import xla

    ports, content = read_ports(path), path.read_bytes()
    dtypes = [dtype for _, dtype, _ in ports["outputs"]]
    shapes = [shape for _, _, shape in ports["outputs"]]

    def compute(tensors: list[Any]) -> Any:
        with tf.device("CPU"):
            given = {"Tout": dtypes, "Sout": shapes, "platforms": ["CPU"]}
            return xla.call_module(tensors, version=CALL_VERSION, module=content, **given)

    run = tf.function(compute, autograph=False)

    def call(inputs: Arrays) -> Arrays:
        results = run([tf.constant(inputs[name], dtype) for name, dtype, _ in ports["inputs"]])
        return {port[0]: result.numpy() for port, result in zip(ports["outputs"], results, strict=True)}

    return call
