"""How a person loads a file that was brought in, without Roundtrip: as `core.formats.kits`, for what only others write.

Each function goes into a `load.py` with all of ours that it uses.
"""

from core.formats import litert_runtime, onnx_runtime, openvino_runtime
from core.formats.batches import by_rows
from core.formats.contract import Spec
from core.formats.h5_old import is_old, load_old, written_by
from core.formats.kits import ask_model, open_keras


def open_in_session(path, signature):
    """As TensorFlow 1 read its models: a graph in a session. It reads those of TensorFlow 2, too."""
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2

    kept = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    tags = [list(one.meta_info_def.tags) for one in kept.meta_graphs]
    tags = min(tags, key=lambda one: (one != ["serve"], "serve" not in one))
    graph = tf.Graph()
    with graph.as_default():
        session = tf.compat.v1.Session(graph=graph)
        found = tf.compat.v1.saved_model.loader.load(session, tags, str(path)).signature_def
    names = sorted(name for name in found if not name.startswith("__saved_model"))
    asked = found[signature or ("serving_default" if "serving_default" in names else names[0])]
    takes = {name: graph.get_tensor_by_name(asked.inputs[name].name) for name in sorted(asked.inputs)}
    gives = {name: graph.get_tensor_by_name(asked.outputs[name].name) for name in sorted(asked.outputs)}

    def answer(inputs):
        return session.run(gives, {takes[name]: array for name, array in inputs.items()})

    specs = [Spec(name, tensor.dtype.name, sizes(tensor)) for name, tensor in takes.items()]
    return by_rows(specs, {name: sizes(tensor) for name, tensor in gives.items()}, answer).answer


def sizes(tensor):
    return None if tensor.shape.rank is None else tuple(tensor.shape.as_list())


def open_old_h5(path, classes):
    """A file of Keras 1 or 2 is read in the words of Keras 3; one of Keras 3 as it stands."""
    version = written_by(path)
    if not is_old(version):
        return open_keras(path, classes)
    return ask_model(load_old(path, version, classes)[0])


def open_any_litert(path, signature):
    content = path.read_bytes()  # given a path, the interpreter crashes on some damaged files
    return litert_runtime.asked_in_rows(content, litert_runtime.open_interpreter(content), signature).answer


def open_any_onnx(path):
    return onnx_runtime.asked_in_rows(onnx_runtime.open_session(str(path))).answer


def open_any_openvino(path):
    return openvino_runtime.asked_in_rows(openvino_runtime.compiled(path)).answer
