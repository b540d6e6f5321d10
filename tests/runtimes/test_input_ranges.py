"""The range that a model asks of an input, read from its first operations and from what a file says of it."""

from pathlib import Path

import flatbuffers
import numpy as np
import pytest

from core.formats import get_format
from core.runtimes.asked_ranges import read_asked_ranges
from core.runtimes.base import ModelCode
from core.runtimes.litert_contents import ENTRY, read_metadata_ranges
from core.runtimes.range_propagation import (
    ADD,
    DIVIDE,
    LOOK_UP,
    MULTIPLY,
    PASS,
    STANDARDIZE,
    SUBTRACT,
    FirstSteps,
    Step,
    find_range,
)
from tests.factories import packaged_models

KERAS_CAFFE = (103.939, 116.779, 123.68)
CASES = {
    "divided by 255": ([(MULTIPLY, 1 / 255), (ADD, 0.0)], (0.0, 255.0)),
    "between -1 and 1": ([(DIVIDE, 127.5), (SUBTRACT, 1.0)], (0.0, 255.0)),
    "the same by Rescaling": ([(MULTIPLY, np.float32(1 / 127.5)), (ADD, -1.0)], (0.0, 255.0)),
    "cast on the way": ([(PASS, None), (MULTIPLY, 1 / 255), (PASS, None)], (0.0, 255.0)),
    "means taken off": ([(SUBTRACT, KERAS_CAFFE)], (0.0, 2 * KERAS_CAFFE[2])),
    "a multiple": ([(MULTIPLY, 4.0)], (0.0, 0.25)),
    "a negative one": ([(MULTIPLY, -0.5)], (-2.0, 0.0)),
    "moved up": ([(ADD, 500.0)], None),
    "nothing done": ([(PASS, None)], None),
    "nothing changed": ([(MULTIPLY, 1.0), (ADD, 0.0)], None),
    "by nothing known": ([("other", 3.0)], None),
    "not a number": ([(MULTIPLY, np.nan)], None),
    "by zero": ([(DIVIDE, 0.0)], None),
}


def chain(operations) -> FirstSteps:
    """Operations one after another, from the tensor 0 on."""
    steps = [
        Step(operation, (at, f"c{at}") if constant is not None else (at,), (at + 1,))
        for at, (operation, constant) in enumerate(operations)
    ]
    constants = {f"c{at}": np.asarray(constant) for at, (_, constant) in enumerate(operations) if constant is not None}
    return FirstSteps(steps, constants, {})


@pytest.mark.parametrize("case", CASES)
def test_range_follows_from_what_is_done_first(case):
    operations, expected = CASES[case]
    asked = find_range(chain(operations), 0)
    assert asked == (None if expected is None else pytest.approx(expected, rel=1e-5))


def test_range_around_a_mean_has_two_deviations_on_each_side():
    constants = {"mean": np.array([10.0, 50.0]), "variance": np.array([4.0, 1.0])}
    steps = [Step(STANDARDIZE, (0, "mean", "variance"), (1,))]
    assert find_range(FirstSteps(steps, constants, {}), 0) == (6.0, 52.0)


def test_range_by_one_number_for_each_column_holds_all_of_them():
    steps = [Step(SUBTRACT, (0, "mean"), (1,)), Step(DIVIDE, (1, "deviation"), (2,))]
    constants = {"mean": np.array([10.0, 50.0, 0.0]), "deviation": np.array([2.0, 1.0, 3.0])}
    assert find_range(FirstSteps(steps, constants, {}), 0) == (-3.0, 52.0)


def test_range_of_a_table_is_its_rows_and_of_a_constant_that_is_first_none():
    steps = [Step("compare", (0, "zero"), (1,)), Step(LOOK_UP, ("table", 0), (2,))]
    assert find_range(FirstSteps(steps, {}, {"table": 500}), 0) == (0.0, 500.0)
    turned = FirstSteps([Step(DIVIDE, ("one", 0), (1,))], {"one": np.asarray(1.0)}, {})
    assert find_range(turned, 0) is None
    taken_from = FirstSteps([Step(SUBTRACT, ("one", 0), (1,))], {"one": np.asarray(1.0)}, {})
    assert find_range(taken_from, 0) == (0.0, 2.0)


def test_range_of_table_allows_negative_numbers_counted_from_its_end():
    steps = [
        Step(ADD, (0, "rows"), (1,)),
        *(Step(PASS, (chosen,), (2,)) for chosen in (1, 0)),
        Step(LOOK_UP, ("table", 2), (3,)),
    ]
    assert find_range(FirstSteps(steps, {"rows": np.asarray(500)}, {"table": 500}), 0) == (0.0, 500.0)


def test_steps_in_a_circle_end():
    steps = [Step(PASS, (0,), (1,)), Step(PASS, (1,), (0,))]
    assert find_range(FirstSteps(steps, {}, {}), 0) is None


def read(key: str, model, folder: Path) -> dict:
    """The ranges of a model that was saved in a format, as an import reads them."""
    folder.mkdir()
    get_format(key).save_model(model, "keras", folder)
    return read_asked_ranges(get_format(key).load(folder, ModelCode(compiles=False)), folder, key)


@pytest.fixture(scope="module")
def picture_and_words():
    """Bytes that a nested model rescales, and words of a vocabulary of 500."""
    import keras

    picture, words = keras.Input((4, 4, 3), name="picture"), keras.Input((6,), dtype="int32", name="words")
    rescaled = keras.Sequential([keras.layers.Identity(), keras.layers.Rescaling(1 / 127.5, offset=-1)])(picture)
    embedded = keras.layers.Flatten()(keras.layers.Embedding(500, 2)(words))
    joined = keras.layers.Concatenate()([keras.layers.Flatten()(rescaled), embedded])
    return keras.Model([picture, words], keras.layers.Dense(2)(joined))


@pytest.mark.parametrize(
    "key", ["keras", "saved_model", "onnx", "litert", pytest.param("openvino", marks=pytest.mark.long)]
)
def test_files_of_each_kind_say_what_they_ask(key, picture_and_words, tmp_path: Path):
    found = list(read(key, picture_and_words, tmp_path / key).values())
    assert found[0] == pytest.approx((0.0, 255.0), rel=1e-4)
    # In a SavedModel the table is a variable, whose size the graph does not say; in ONNX a choice of indices leads to
    # it that tf2onnx writes as products.
    assert found[1:] == ([] if key in ("saved_model", "onnx") else [(0.0, 500.0)])


def test_integer_litert_file_asks_for_what_its_integers_stand_for(tmp_path: Path):
    packaged_models.write_wide_int8_tflite(tmp_path / "model.tflite")
    predictor = get_format("litert").load(tmp_path)
    assert read_asked_ranges(predictor, tmp_path, "litert")["x"] == pytest.approx((0, 26), abs=0.1)


def test_onnx_file_states_the_range_of_its_pictures(tmp_path: Path):
    import onnx
    from onnx import helper

    path = packaged_models.write_onnx(
        tmp_path / "model.onnx", [helper.make_node("Relu", ["x"], ["y"])], {"x": ["n", 3, 4, 4]}, {"y": ["n", 3, 4, 4]}
    )
    model = onnx.load(path)
    helper.set_model_props(model, {"Image.NominalPixelRange": "Normalized_1_1"})
    path.write_bytes(model.SerializeToString())
    assert read_asked_ranges(get_format("onnx").load(tmp_path), tmp_path, "onnx") == {"x": (-1.0, 1.0)}
    path.write_bytes(b"no model")
    assert read_asked_ranges(get_format("keras"), tmp_path, "onnx") == {}  # what cannot be read says nothing


def build_metadata(mean: float, deviation: float, statistics: tuple[float, float] | None = None) -> bytes:
    """Metadata of one graph with one input, as TensorFlow Lite Support writes them."""
    builder = flatbuffers.Builder()

    def floats(*numbers):
        return builder.CreateNumpyVector(np.array(numbers, "float32"))

    def table(**fields):
        builder.StartObject(9)
        for place, (write, value) in fields.items():
            write(int(place.removeprefix("at")), value, 0)
        return builder.EndObject()

    def tables(*items):
        builder.StartVector(4, len(items), 4)
        for item in items:
            builder.PrependUOffsetTRelative(item)
        return builder.EndVector()

    offset, small = builder.PrependUOffsetTRelativeSlot, builder.PrependUint8Slot
    vectors = [floats(number) for number in (mean, deviation)]
    unit = table(at0=(offset, vectors[0]), at1=(offset, vectors[1]))
    units = tables(table(at0=(small, 1), at1=(offset, unit)))
    fields = {"at4": (offset, units)}
    if statistics:
        ends = [floats(number) for number in statistics]
        fields["at5"] = (offset, table(at0=(offset, ends[1]), at1=(offset, ends[0])))
    builder.Finish(table(at3=(offset, tables(table(at2=(offset, tables(table(**fields))))))))
    return bytes(builder.Output())


def litert_file_with(metadata: bytes) -> bytes:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT()
    entry, buffer, graph = schema.MetadataT(), schema.BufferT(), schema.SubGraphT()
    entry.name, entry.buffer, buffer.data = ENTRY, 0, np.frombuffer(metadata, "uint8")
    model.version, model.metadata, model.buffers, model.subgraphs = 3, [entry], [buffer], [graph]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [((127.5, 127.5), (-1.0, 1.0)), ((0.0, 255.0), (0.0, 1.0)), ((127.5, 127.5, (0.0, 40.0)), (0.0, 40.0))],
)
def test_litert_metadata_say_how_pictures_are_normalised(numbers, expected):
    assert read_metadata_ranges(litert_file_with(build_metadata(*numbers))) == [pytest.approx(expected)]
