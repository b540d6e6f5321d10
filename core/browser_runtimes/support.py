"""Which copies a browser can run, with which runtime, and why not the others."""

from enum import StrEnum
from pathlib import PurePosixPath
from typing import NamedTuple

from core.browser_runtimes.installed import LOCK
from core.formats import get_format
from core.library.records import Artifact, Run

FIXED_FORMAT = "litert_fixed"  # the key of the format that LiteRT.js takes
# Of inputs, by NumPy's names, that both a runtime and JavaScript have.
DTYPES = ("float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "int64", "bool")
LITERT_DTYPES = ("float32", "int32")
TEXT = "object"


class Engine(StrEnum):
    """A runtime in the browser; its value is the package of npm."""

    ONNX = "onnxruntime-web"
    LITERT = "@litertjs/core"

    @property
    def label(self) -> str:
        """Its name and version, as people know it."""
        version = next(package.version for package in LOCK.packages if package.name == self)
        return f"{'LiteRT.js' if self is Engine.LITERT else self.value} {version}"


ENGINES = {".onnx": Engine.ONNX, ".tflite": Engine.LITERT}


class BrowserCopy(NamedTuple):
    """A copy that a browser may run: by which runtime, and why it cannot (empty where it can)."""

    engine: Engine
    refusal: str = ""


def describe_copy(artifact: Artifact, run: Run) -> BrowserCopy | None:
    """Return how a browser runs a copy, or why it cannot; None where none of its files is for a browser."""
    suffixes = [PurePosixPath(file.path).suffix for file in artifact.files]
    engine = next((ENGINES[suffix] for suffix in suffixes if suffix in ENGINES), None)
    return BrowserCopy(engine, _refusal(engine, artifact, run)) if engine else None


def _refusal(engine: Engine, artifact: Artifact, run: Run) -> str:
    """Why a browser cannot run a copy, with the cure, in a sentence or two; empty where it can."""
    if artifact.trust != "ours":
        return "It came from outside, so it answers only in a sandboxed process on the server."
    if len(artifact.files) > 1:
        return "A browser is given one file, and this copy has several. Save the run as ONNX."
    dtypes = {str(spec["dtype"]) for spec in run.inputs}
    if TEXT in dtypes:
        return "This model takes text, and a browser's runtime takes numbers only. It answers on the server."
    if engine is Engine.LITERT and run.remembers:
        return "This model remembers from call to call, so single answers in a browser would not be comparable."
    if engine is Engine.LITERT and artifact.format != FIXED_FORMAT:
        return (
            "LiteRT.js takes only files whose shapes are fixed, and this one leaves the number of rows free. "
            f"Save the run as “{get_format(FIXED_FORMAT).label}”, or as ONNX."
        )
    if unknown := dtypes - set(LITERT_DTYPES if engine is Engine.LITERT else DTYPES):
        return f"{engine.label} does not take inputs of {', '.join(sorted(unknown))}. It answers on the server."
    return ""
