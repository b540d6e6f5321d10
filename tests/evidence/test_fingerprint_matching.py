"""Adapters that were merged and numbers that are stored as integers are said in words."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.arrays import fingerprint_arrays
from core.compatibility.sentences import describe_tensors
from core.evidence.fingerprint_matching import TensorMatchCount, find_changed_forms, match_fingerprints
from core.formats import get_format
from core.runtimes.base import NO_CODE
from core.runtimes.live import live_predictor


@pytest.fixture
def dense_model() -> Any:
    import keras

    layers = [keras.layers.Dense(8, name="d"), keras.layers.Dense(4, name="e")]
    return keras.Sequential([keras.Input((6,), name="x"), *layers], name="m")


def match_copy(model: Any, key: str, folder: Path) -> TensorMatchCount:
    get_format(key).save_model(model, "keras", folder)
    loaded = get_format(key).load(folder, NO_CODE)
    original = fingerprint_arrays(live_predictor(model).weights())
    match = match_fingerprints(original, fingerprint_arrays(loaded.weights()))
    assert match is not None
    return match


def test_adapters_that_were_merged_and_zeroed_are_said(dense_model, tmp_path: Path):
    first = dense_model.get_layer("d")
    first.enable_lora(2)
    first.lora_kernel_b.assign(np.ones((2, 8)))
    match = match_copy(dense_model, "keras", tmp_path)
    assert match.forms == {"m/d/kernel": "merged", "m/d/lora_kernel_a": "zeroed", "m/d/lora_kernel_b": "zeroed"}
    assert describe_tensors(match) == (
        "3 of 6 tensors came back bit-equal. LoRA adapters were merged into m/d/kernel. Adapters came back as zeros "
        "(m/d/lora_kernel_a, m/d/lora_kernel_b), from which they do not train on."
    )


@pytest.mark.parametrize(
    ("key", "form", "words"),
    [
        ("keras_int8", "int8", "Stored as int8 with a scale: m/d/kernel, m/e/kernel."),
        ("keras_int4", "int8 packed", "Stored as int8 with a scale, two numbers in a byte: m/d/kernel, m/e/kernel."),
    ],
)
def test_kernels_that_are_stored_as_integers_are_said(key, form, words, dense_model, tmp_path: Path):
    for bias in (dense_model.weights[1], dense_model.weights[3]):
        bias.assign(np.full(bias.shape, 0.5))
    match = match_copy(dense_model, key, tmp_path)
    assert match.forms == {"m/d/kernel": form, "m/e/kernel": form}
    assert describe_tensors(match) == f"2 of 4 tensors came back bit-equal. {words}"


def test_tensor_without_another_form_is_only_missing():
    missing = {"name": "a/kernel", "dtype": "float32", "shape": [2, 3], "sha256": "1"}
    others = [missing | {"sha256": "2"}, missing | {"dtype": "int8", "shape": [3, 2]}]
    assert find_changed_forms([missing], others) == {}
    folded = missing | {"name": "a/lora_kernel_a"}
    assert find_changed_forms([folded], others) == {"a/lora_kernel_a": "folded"}


def test_integers_of_another_name_are_not_two_in_a_byte():
    """As the zero point and the scale that a quantizer writes beside a kernel."""
    (bias,) = fingerprint_arrays([("dense/bias", np.array([0.5, 0.25], "float32"))])
    point, packed = fingerprint_arrays([("MatMul_zero_point", np.zeros(1, "int8")), ("d/bias", np.ones(1, "int8"))])
    assert find_changed_forms([bias], [point]) == {}
    assert find_changed_forms([bias], [point, packed]) == {"dense/bias": "int8 packed"}
