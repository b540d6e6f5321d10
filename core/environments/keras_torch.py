"""Keras as it is here, computed by PyTorch."""

from core.environments.base import KERAS_FORMATS, TORCH_LEAVES_OUT, TORCH_REQUIREMENTS, Environment

ENVIRONMENT = Environment(
    key="keras-torch",
    label="Keras 3.15 under torch",
    requirements=TORCH_REQUIREMENTS,
    takes=KERAS_FORMATS,
    script="keras_torch",
    megabytes=3860,
    good_for="Keras files in programs that compute with PyTorch.",
    lock="torch",
    leaves_out=TORCH_LEAVES_OUT,
    variables={"KERAS_BACKEND": "torch"},
)
