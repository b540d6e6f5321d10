"""LiteRT in whole numbers: weights and everything between the layers in 8 bits, by ranges measured on training data."""

from dataclasses import replace
from pathlib import Path

from core.arrays import Arrays
from core.errors import CannotSave
from core.formats import litert
from core.formats.base import Option
from core.runtimes.base import Model
from core.runtimes.litert import FILE
from core.runtimes.litert_quantizer import quantize


def save(model: Model, folder: Path, calibration_rows: int = 200, samples: Arrays | None = None) -> str:
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.recipe_manager import RecipeManager

    chosen = calibration_samples(samples, calibration_rows, "dynamic range")
    remark = litert.save(model, folder)
    recipe = RecipeManager()
    recipe.add_static_config(".*", TFLOperationName.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8)
    for border in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
        recipe.add_quantization_config(".*", border, algorithm_key=AlgorithmName.NO_QUANTIZE)
    quantize(model, folder / FILE, recipe.get_quantization_recipe(), chosen)
    return remark


def calibration_samples(samples: Arrays | None, rows: int, otherwise: str) -> Arrays:
    """Return so many rows of training data. Raises CannotSave where there is none, naming the form that needs none."""
    if not samples:
        cure = f"Give it some inputs, or choose {otherwise}, which needs none."
        raise CannotSave("There is no training data to measure the ranges of this model on.", cure=cure)
    return {name: array[:rows] for name, array in samples.items()}


ROWS_HELP = "Rows of training data on which the range of every layer is measured. Few rows miss the extremes."
CALIBRATION_ROWS = Option("calibration_rows", "Calibration rows", 200, ROWS_HELP, minimum=1, maximum=100_000)

FORMAT = replace(
    litert.QUANTIZED,
    key="litert_int8",
    label="LiteRT, 8-bit integers",
    good_for="Microcontrollers and neural processors, which compute in integers: a quarter of the size, fast there.",
    save=save,
    wants_samples=True,
    options=(CALIBRATION_ROWS,),
    explains="Ranges are measured on training data, never on the rows that it is judged by. Inputs and outputs stay "
    "float32, and are rounded and widened at the border: inside everything is integers. Look at how many answers "
    "changed, not at the distance: values outside the measured ranges are cut off.",
)
