"""Keras files under the back end OpenVINO, which computes only through `predict`."""

from keras_model import DISTRIBUTIONS as KERAS_DISTRIBUTIONS
from keras_model import MODULES, convert, describe, open_model

__all__ = ["DISTRIBUTIONS", "MODULES", "convert", "describe", "load"]
DISTRIBUTIONS = (*KERAS_DISTRIBUTIONS, "openvino")


def load(kit):
    return open_model(kit, lambda model, feed, rows: model.predict(feed, verbose=0, batch_size=rows))
