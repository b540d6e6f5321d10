"""LiteRT through CompiledModel, the interface that follows its interpreter."""

from core.environments.base import LITERT_FORMATS, Environment

ENVIRONMENT = Environment(
    key="litert-compiled",
    label="LiteRT, CompiledModel",
    requirements=("ai-edge-litert==2.3.0",),
    takes=LITERT_FORMATS,
    script="litert_compiled",
    megabytes=122,
    good_for="LiteRT files in new Android applications.",
    lock="litert",
)
