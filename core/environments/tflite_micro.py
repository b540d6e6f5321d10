"""LiteRT for microcontrollers, whose kernels are written to be small."""

from core.environments.base import LITERT_FORMATS, Environment

ENVIRONMENT = Environment(
    key="tflite-micro",
    label="LiteRT for microcontrollers",
    requirements=("tflite-micro==0.dev20261023182759",),
    takes=LITERT_FORMATS,
    script="litert_micro",
    megabytes=64,
    good_for="LiteRT files on microcontrollers.",
    lock="tflite_micro",
    remark="Of dense layers in float32 its kernels gave the bits of LiteRT's reference kernels. It has the memory of "
    "this computer and not of a microcontroller.",
)
