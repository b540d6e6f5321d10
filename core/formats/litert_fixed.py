"""LiteRT for exactly one row, with every size stated: what LiteRT.js and Core ML's converter need."""

from dataclasses import replace
from pathlib import Path

from core.formats import litert
from core.formats.standalone_loaders import StandaloneLoader, open_litert
from core.runtimes.base import Model
from core.runtimes.litert import FILE
from core.runtimes.single_row import require_stated_sizes, single_row_module
from core.runtimes.tf_module import serving_function


def save(model: Model, folder: Path) -> None:
    single = single_row_module(model)
    require_stated_sizes(serving_function(single).structured_input_signature[0])
    (folder / FILE).write_bytes(litert.convert_module(single))
    litert.require_weights(folder / FILE)


FORMAT = replace(
    litert.FORMAT,
    begins_with="",
    key="litert_fixed",
    label="LiteRT, one row",
    good_for="Browsers by LiteRT.js, Core ML's converter and chips that plan their memory beforehand.",
    save=save,
    kit=StandaloneLoader(open_litert, FILE, ("ai-edge-litert", "numpy")),
    explains="The number of rows is written down as one, and so is every other size: a runtime can plan its memory "
    "before the first call. More rows are asked one by one. The weights are made constants first: a converter that is "
    "given the Keras model beside its function writes a file without them, which cannot answer.",
)
