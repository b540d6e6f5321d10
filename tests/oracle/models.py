"""Every model of the tables by one name, and what Roundtrip and the second judge say of its copies."""

from pathlib import Path
from typing import Any

from core.errors import RoundtripError
from core.library import Library
from core.worker import Worker
from tests.oracle import judge, product, trained_architectures, unusual_structures
from tests.oracle.architectures import ARCHITECTURES, Built
from tests.oracle.bases import named_inputs
from tests.oracle.drawn_models import build_drawn
from tests.oracle.layer_table import LAYERS, build_layer_case
from tests.oracle.reported_models import REPORTED
from tests.oracle.unusual_models import UNUSUAL

assert trained_architectures.build_lora  # its builders are rows of ARCHITECTURES now
assert unusual_structures.OPTIMIZERS  # and those of this one rows of UNUSUAL
NESTED = " nested"
MODELS = (*LAYERS, *(f"{name}{NESTED}" for name in LAYERS), *ARCHITECTURES)


def is_plan(name: str) -> bool:
    return name.startswith("{")


def is_layer(name: str) -> bool:
    """Whether a model is there for one layer class alone."""
    return name.removesuffix(NESTED) in LAYERS


def build_model(name: str) -> Built:
    """The model of a name in the tables, or of a plan that Hypothesis drew, with its inputs and targets."""
    if is_plan(name):
        return build_drawn(name)
    if build := ARCHITECTURES.get(name) or REPORTED.get(name) or UNUSUAL.get(name):
        return build()
    return build_layer_case(name.removesuffix(NESTED), name.endswith(NESTED))


def save_model(library: Library, worker: Worker, name: str, formats: list[str]) -> product.Copies:
    """Save a model in formats by Roundtrip; what cannot even be added is refused in every format."""
    built = build_model(name)
    try:
        return product.add_in_formats(library, worker, built.model, named_inputs(built), formats)
    except RoundtripError as error:
        refused = product.Said(verdict="refused", reason=error.sentence, remark="", cells={}, words={})
        return product.Copies(dict.fromkeys(formats, refused), {})


def copies_of(name: str, folders: dict[str, Path]) -> list[judge.Copy]:
    """The copies as the second judge is asked about them."""
    builder: tuple[str, str, list[Any]] = ("tests.oracle.models", "build_model", [name])
    return [
        judge.Copy(key=f"{name}|{key}", builder=builder, format=key, folder=str(folder), beside="")
        for key, folder in folders.items()
    ]
