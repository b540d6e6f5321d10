"""LiteRT with its reference kernels, which show what an operation means."""

from core.environments.base import LITERT_FORMATS, Environment

ENVIRONMENT = Environment(
    key="litert-reference",
    label="LiteRT, reference kernels",
    requirements=("ai-edge-litert==2.3.0",),
    takes=LITERT_FORMATS,
    script="litert_reference",
    megabytes=122,
    good_for="Whether a difference comes from the file or from fast kernels.",
    lock="litert",
)
