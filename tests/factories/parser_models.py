"""SavedModels of TensorFlow 1 whose signature is fed behind a parser of examples, as estimators and servers export."""

from pathlib import Path
from typing import Any

import numpy as np

KERNEL = np.array([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]], "float32")


def write_parser_model(folder: Path, serialized_shape: list[int | None] | None = None) -> Path:
    """y = x KERNEL · times: both inputs are what a parser gives. Of `serialized_shape` its examples come."""
    import tensorflow as tf

    path, v1 = folder / "behind-a-parser", tf.compat.v1
    with tf.Graph().as_default() as graph, v1.variable_scope("", use_resource=False):
        examples = v1.placeholder("string", serialized_shape, "examples")
        features = {"x": v1.FixedLenFeature([3], "float32"), "times": v1.FixedLenFeature([1], "float32", [1.0])}
        parsed = v1.parse_example(examples, features | {"unread": v1.VarLenFeature("int64")})
        inputs = {"x": tf.identity(parsed["x"], "x"), "times": parsed["times"]}
        kernel = v1.get_variable("kernel", initializer=KERNEL)
        _write(path, graph, inputs, {"y": tf.multiply(inputs["x"] @ kernel, inputs["times"], "y")})
    return path


def _write(path: Path, graph: Any, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    import tensorflow as tf

    v1 = tf.compat.v1
    with v1.Session(graph=graph) as session:
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(path))
        signature = v1.saved_model.predict_signature_def(inputs, outputs)
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()


def make_parser_inputs() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {"x": random.normal(size=(4, 3)).astype("float32"), "times": random.random((4, 1), dtype="float32")}


def expected_parser_predictions(inputs: dict[str, np.ndarray]) -> np.ndarray:
    return inputs["x"] @ KERNEL * inputs["times"]
