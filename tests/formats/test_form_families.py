"""Forms in fewer bits and for other runtimes on a model of each kind that people convert: how far answers are off."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import CannotSave
from core.formats import get_format
from tests.factories import architectures

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore::UserWarning")]


# How far answers may be off, as a share of the largest: twice what was measured, rounded up.
LIMITS = {
    "onnx_external": 1e-5,
    "litert_fixed": 1e-5,
    "stablehlo": 1e-5,
    "onnx_float16": 2e-3,
    "onnx_int8_dynamic": 0.05,
    "onnx_int8": 0.06,
    "openvino_int8": 0.06,
    "keras_float8": 0.2,
    "litert_int4": 0.35,
}
NO_RECURRENCE = {("openvino_int8", "lstm"), ("openvino_int8", "masked gru")}  # OpenVINO's converter takes them unrolled


@pytest.mark.parametrize("name", architectures.FAMILIES)
@pytest.mark.parametrize("format_key", LIMITS)
def test_form_of_model_kind_is_off_by_no_more_than_measured(format_key: str, name: str, tmp_path: Path):
    model, format_ = architectures.FAMILIES[name](), get_format(format_key)
    inputs = architectures.make_inputs(model)
    expected = model.predict(next(iter(inputs.values())), verbose=0)
    if (format_key, name) in NO_RECURRENCE:
        with pytest.raises(CannotSave, match="OpenVINO has no operation for TensorList"):
            format_.save_model(model, "keras", tmp_path, samples=lambda: inputs)
        return
    format_.save_model(model, "keras", tmp_path, samples=lambda: inputs)
    (answer,) = format_.load(tmp_path).predict(inputs).values()
    assert np.abs(answer - expected).max() <= LIMITS[format_key] * np.abs(expected).max()
