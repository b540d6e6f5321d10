"""LiteRT with weights in half precision: half the size, predictions equal to three digits or so."""

from dataclasses import replace
from pathlib import Path

from core.formats import litert
from core.runtimes.base import Model
from core.runtimes.litert import FILE
from core.runtimes.litert_quantizer import quantize


def save(model: Model, folder: Path) -> str:
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import QuantGranularity, TFLOperationName
    from ai_edge_quantizer.recipe_manager import RecipeManager

    remark = litert.save(model, folder)
    recipe = RecipeManager()
    recipe.add_weight_only_config(
        regex=".*",
        operation_name=TFLOperationName.ALL_SUPPORTED,
        num_bits=16,
        granularity=QuantGranularity.TENSORWISE,
        algorithm_key=AlgorithmName.FLOAT_CASTING,
    )
    quantize(model, folder / FILE, recipe.get_quantization_recipe())
    return remark


FORMAT = replace(
    litert.QUANTIZED,
    key="litert_float16",
    label="LiteRT, half precision",
    good_for="Half the size at next to no cost in answers, and graphics processors that compute in half precision.",
    save=save,
    explains="The kernels of Dense, convolution and embedding layers are kept as float16 and widened when they are "
    "used. Weights above 65,504 do not fit into a float16 and become infinite, with no word said.",
)
