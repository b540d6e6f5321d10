"""The demos, written down: a new one is one file here and one line in `MODULES`."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from core.demos.base import Demo
from core.errors import UnknownName
from core.registry import find_by_key

# One line a demo, in the order in which they are shown.
MODULES = (
    "digits_mlp",
    "digits_core",
    "digits_custom",
    "digits_cnn",
    "digits_denoiser",
    "digits_mixed",
    "digits_subclassed",
    "tips",
    "names",
    "two_in_two_out",
    "stocks_lstm",
)

DEMOS: tuple[Demo, ...] = tuple(import_module(f"core.demos.{name}").DEMO for name in MODULES)


def get_demo(key: str) -> Demo:
    """The demo of that key. Raises UnknownName with the keys that exist."""
    return find_by_key(DEMOS, key, "demo")


def output_image_shape(demo: str | None, settings: Mapping[str, Any] | None) -> tuple[int, int] | None:
    """As what picture a prediction is drawn, (height, width), of a run of a demo; None where it is none."""
    try:
        return get_demo(demo).output_image_shapes.get((settings or {}).get("dataset", "")) if demo else None
    except UnknownName:  # a demo that does not exist any more
        return None


def demo_unit(key: str | None) -> str:
    """Return the unit of what a demo predicts; empty where it has none, or does not exist any more."""
    return next((demo.unit for demo in DEMOS if demo.key == key), "")


def demo_label(key: str) -> str:
    """Return the label of a demo; its key where the demo does not exist any more."""
    try:
        return get_demo(key).label
    except UnknownName:
        return key
