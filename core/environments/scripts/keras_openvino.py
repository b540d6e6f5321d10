"""Keras files under the back end OpenVINO, which computes only through `predict`."""

import numpy as np
from keras_model import DISTRIBUTIONS as KERAS_DISTRIBUTIONS
from keras_model import MODULES, flatten, forget_last_kit, read_model
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
        outputs = flatten(model.predict(feed, verbose=0, batch_size=len(next(iter(inputs.values())))))
        names = list(model.output_names) if len(outputs) > 1 else wanted
        return {name: np.asarray(array) for name, array in zip(names, outputs, strict=True)}

    return predict
