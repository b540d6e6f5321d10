"""Keras files under the back end OpenVINO, which computes only through `predict`."""

from keras_model import DISTRIBUTIONS as KERAS_DISTRIBUTIONS
from keras_model import MODULES, forget_last_kit, name_outputs, read_model
from kit_files import read_shapes

__all__ = ["DISTRIBUTIONS", "MODULES", "load"]
DISTRIBUTIONS = (*KERAS_DISTRIBUTIONS, "openvino")


def load(kit):
    import keras

    forget_last_kit(keras)
    model = read_model(keras, kit)
    wanted = list(read_shapes(kit, "expected.npz"))

    def predict(inputs):
        feed = inputs if len(inputs) > 1 else next(iter(inputs.values()))
        outputs = model.predict(feed, verbose=0, batch_size=len(next(iter(inputs.values()))))
        return name_outputs(outputs, getattr(model, "output_names", None), wanted)

    return predict
