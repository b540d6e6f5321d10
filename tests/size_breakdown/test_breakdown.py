"""Where the bytes go: every byte of every format is accounted for once, and tensors are found by value."""

from collections import Counter

import pytest

from core.formats import FORMATS
from core.size_breakdown import breakdown as content_module
from core.size_breakdown.breakdown import SizePart, break_down_sizes

WEIGHT_BYTES = 38_440  # digits-mlp: 9,610 float32
MOMENT_BYTES = 2 * WEIGHT_BYTES  # Adam keeps two numbers for each weight
FULL_WEIGHT_FORMATS = (
    "keras",
    "keras_dir",
    "h5",
    "saved_model",
    "weights",
    "weights_sharded",
    "checkpoint",
    "safetensors",
    "pickle",
)
FULL_WEIGHT_FORMATS += ("frozen_graph", "onnx", "onnx_external", "litert", "litert_fixed", "openvino", "keras_float8")
FULL_WEIGHT_FORMATS += ("stablehlo",)
WITH_OPTIMIZER = ("keras", "keras_dir", "h5", "saved_model", "weights", "weights_sharded", "checkpoint", "pickle")
WITHOUT_OPTIMIZER = ("keras_export", "safetensors", "frozen_graph", "onnx", "litert", "litert_float16", "architecture")


def bytes_by_group(parts: list[SizePart]) -> Counter[str]:
    count: Counter[str] = Counter()
    for part in parts:
        count[part.group] += part.bytes
    return count


# Every format of a trained model


@pytest.fixture
def parts_of(jobs, saved):
    """A function that gives the parts of digits-mlp in a format, whose sum it has checked."""

    def parts(format_key: str) -> list[SizePart]:
        row = saved("digits-mlp", format_key)
        assert row["state"] == "done", row.get("error")
        result = break_down_sizes(jobs.library, row["artifact"]).parts
        files = (jobs.library.home / "artifacts" / row["artifact"] / "files").rglob("*")
        assert sum(part.bytes for part in result) == sum(path.stat().st_size for path in files if path.is_file())
        return result

    return parts


@pytest.mark.parametrize("format_key", [format_.key for format_ in FORMATS])
def test_the_parts_add_up_to_the_bytes_on_disk(parts_of, format_key: str):
    parts = parts_of(format_key)
    assert [part for part in parts if part.bytes <= 0] == []
    assert {part.group for part in parts} <= set(content_module.GROUPS)


@pytest.mark.parametrize("format_key", FULL_WEIGHT_FORMATS)
def test_all_weights_are_found(parts_of, format_key: str):
    groups = bytes_by_group(parts_of(format_key))
    assert groups["weights"] == WEIGHT_BYTES
    assert not {group for group in groups if "converted" in group}


@pytest.mark.parametrize("format_key", WITH_OPTIMIZER)
def test_breakdown_finds_optimizer_state(parts_of, format_key: str):
    assert bytes_by_group(parts_of(format_key))["optimizer state"] == MOMENT_BYTES


@pytest.mark.parametrize("format_key", WITHOUT_OPTIMIZER)
def test_breakdown_has_no_optimizer_state_where_none_is_stored(parts_of, format_key: str):
    assert bytes_by_group(parts_of(format_key))["optimizer state"] == 0


def test_the_keras_export_holds_every_weight_twice(parts_of, jobs, saved):
    parts = parts_of("keras_export")
    assert bytes_by_group(parts)["weights"] == 2 * WEIGHT_BYTES
    names = {part.name for part in parts if part.group == "weights"}
    assert {"sequential/dense/kernel", "sequential/dense/kernel, copy 2"} <= {
        _strip_layer_numbers(name) for name in names
    }
    notes = break_down_sizes(jobs.library, saved("digits-mlp", "keras_export")["artifact"]).notes
    assert notes[0] == "38,440 bytes are further copies of what is there already."


def _strip_layer_numbers(name: str) -> str:
    """A second model of one process is called sequential_1, and so are its layers."""
    return "/".join(part.split("_")[0] if "dense_1" not in part else part for part in name.split("/"))


def test_float16_is_found_in_litert_and_openvino(parts_of):
    halved = [part for part in parts_of("litert_float16") if part.name.endswith("kernel, transposed, in float16")]
    assert sorted(part.bytes for part in halved) == [128 * 10 * 2, 64 * 128 * 2]
    assert bytes_by_group(parts_of("openvino_fp16"))["weights"] == WEIGHT_BYTES / 2


@pytest.mark.parametrize(
    ("format_key", "group"),
    [
        ("keras_int8", "structure and converted weights"),
        ("keras_int4", "structure and converted weights"),
        ("litert_dynamic", "graph and converted weights"),
        ("litert_int8", "graph and converted weights"),
        ("litert_int4", "graph and converted weights"),
        ("onnx_int8_dynamic", "graph and converted weights"),
        ("onnx_int8", "graph and converted weights"),
        ("openvino_int8", "structure and converted weights"),
    ],
)
def test_quantized_weights_are_not_found_and_noted(parts_of, jobs, saved, format_key: str, group: str):
    groups = bytes_by_group(parts_of(format_key))
    assert groups[group] >= 9_216 * (0.5 if "int4" in format_key else 1)  # a byte, or half, for each kernel's number
    notes = break_down_sizes(jobs.library, saved("digits-mlp", format_key)["artifact"]).notes
    result = 0 if format_key in ("litert_int8", "onnx_int8") else 2  # the biases; there they are integers too
    assert notes[0].startswith(f"Weights found: {result} of 4, as trained, transposed or in float16. What is missing ")


def test_architecture_file_is_all_metadata(parts_of):
    assert set(bytes_by_group(parts_of("architecture"))) == {"metadata"}
