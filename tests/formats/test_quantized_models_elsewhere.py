"""Keras models that compute in few bits, in the formats of other engines: what Keras' own export makes of them."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import CannotSave
from core.formats import get_format
from core.formats.keras_quantized import UNPACKED_REMARK
from core.formats.openvino import BY_ONNX_REMARK
from core.runtimes.openvino import compile_model, import_openvino
from core.runtimes.openvino import load as load_openvino

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
ROWS = np.random.default_rng(0).random((8, 32), dtype="float32")


def make_quantized(mode: str, units: int = 32):
    import keras

    keras.utils.set_random_seed(0)
    x = keras.Input((32,), name="x")
    hidden = keras.layers.Dense(units, activation="relu")(x)
    model = keras.Model(x, keras.layers.Dense(3, name="y")(hidden))
    if mode:
        model.quantize(mode)
    return model


def save(model, folder: Path) -> str:
    folder.mkdir()
    return get_format("openvino").save_model(model, "keras", folder).remark


def test_int8_model_is_right_in_openvino_by_way_of_onnx_alone(tmp_path: Path):
    model = make_quantized("int8")
    expected = np.asarray(model(ROWS))
    model.export(str(tmp_path / "own.xml"), format="openvino", verbose=False)
    own, *_ = compile_model(tmp_path / "own.xml")(ROWS).values()  # and what goes on inside of layers
    assert np.abs(own - expected).max() > 0.3 * np.abs(expected).max()
    assert save(model, tmp_path / "copy") == BY_ONNX_REMARK
    (answer,) = load_openvino(tmp_path / "copy").predict({"x": ROWS}).values()
    assert np.abs(answer - expected).max() < 1e-5
    stored = import_openvino().Core().read_model(tmp_path / "copy" / "model.xml").get_ops()
    constants = [node.output(0) for node in stored if node.get_type_name() == "Constant"]
    kernels = [port for port in constants if list(port.shape) in ([32, 32], [3, 32])]
    assert [port.get_element_type().get_type_name() for port in kernels] == ["i32", "i32"]


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_quantized_model_is_not_quantized_again_for_openvino(tmp_path: Path, mode: str):
    with pytest.raises(CannotSave, match="quantised already, and what was rounded once is not rounded again"):
        get_format("openvino_int8").save_model(make_quantized(mode), "keras", tmp_path, samples=lambda: {"x": ROWS})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_int4_model_is_larger_in_openvino_than_float32_and_says_so(tmp_path: Path):
    remarks = {mode: save(make_quantized(mode, 256), tmp_path / f"of-{mode}") for mode in ("", "int4")}
    assert remarks == {"": "", "int4": UNPACKED_REMARK}
    sizes = {mode: (tmp_path / f"of-{mode}" / "model.bin").stat().st_size for mode in remarks}
    assert sizes["int4"] > 1.2 * sizes[""]
