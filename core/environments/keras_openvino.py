"""Keras as it is here, computed by OpenVINO."""

from core.environments.base import KERAS_FORMATS, Environment

ENVIRONMENT = Environment(
    key="keras-openvino",
    label="Keras 3.15 under OpenVINO",
    requirements=("keras==3.15.1", "openvino==2026.4.1", "scipy==1.17.1"),
    takes=KERAS_FORMATS,
    script="keras_openvino",
    megabytes=276,
    good_for="Keras files on Intel processors, without an export.",
    lock="keras_openvino",
    variables={"KERAS_BACKEND": "openvino"},
)
