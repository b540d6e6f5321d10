"""IREE, which compiles ONNX and StableHLO files for the processor at hand."""

from core.environments.base import ONNX_FORMATS, Environment

ENVIRONMENT = Environment(
    key="iree",
    label="IREE 3.13",
    requirements=("iree-base-compiler==3.13.0", "iree-base-runtime==3.13.0", "onnx==1.23.2"),
    takes=ONNX_FORMATS | {"stablehlo"},
    script="iree_any",
    megabytes=499,
    good_for="ONNX and StableHLO files compiled ahead of time.",
    cannot_confine="IREE links what it compiles through a shell, which a confined process may not start.",
)
