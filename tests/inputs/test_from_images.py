"""Pictures of inputs: as rows of a model that takes them."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from core.inputs import Inputs
from tests.factories.input_files import DIGIT, make_stroke_image, read_input_file


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255)], ids=["dark on light", "light on dark"])
@pytest.mark.parametrize("shape", [[None, 64], [None, 8, 8], [None, 8, 8, 1]], ids=str)
def test_image_of_digit_becomes_row_with_ink_as_one(
    shape: list, paper: int, ink: int, kind: str, store: Inputs, tmp_path: Path
):
    specs = [DIGIT | {"shape": shape}]
    content = make_stroke_image("RGB", (120, 90), paper, ink, kind)
    input_file = read_input_file(store, tmp_path, "x.png", content, specs, image_shape=(8, 8))
    row = store.read_rows(input_file.id, [0])["pixels"]
    assert row.shape == (1, *shape[1:])
    drawn = row.reshape(8, 8)
    assert drawn.max() > 0.8
    assert drawn[:, 0].max() == drawn[:, -1].max() == 0
    assert drawn[:, 2:6].sum() == drawn.sum()


def test_image_for_model_without_demo_preserves_position(store: Inputs, tmp_path: Path):
    grey = [{"name": "x", "dtype": "uint8", "shape": [None, 10, 20, 1]}]
    input_file = read_input_file(store, tmp_path, "x.png", make_stroke_image("L", (200, 100), 255, 0), grey)
    row = store.read_rows(input_file.id, [0])["x"][0, :, :, 0]
    assert row.dtype == "uint8"
    assert row[5].tolist() == [255 if 10 <= at < 12 else 0 for at in range(20)]
    colours = [{"name": "x", "dtype": "float32", "shape": [None, 10, 20, 3]}]
    input_file = read_input_file(store, tmp_path, "x.png", make_stroke_image("RGB", (200, 100), 255, 0), colours)
    assert store.read_rows(input_file.id, [0])["x"][0, 5, :, 2].tolist() == [
        0 if 10 <= at < 12 else 1 for at in range(20)
    ]


def test_several_images_form_one_ordered_input_set(store: Inputs, tmp_path: Path):
    for at, size in enumerate([(80, 80), (50, 90), (300, 200)]):
        (tmp_path / f"{at}.png").write_bytes(make_stroke_image("RGB", size, 255, 0))
    paths = [tmp_path / f"{at}.png" for at in range(3)]
    input_set = store.add_file(paths, [DIGIT], (8, 8))
    assert (input_set.rows, input_set.words) == (3, "3 rows of 3 files, the first “0.png”")
    alone = [store.read_rows(store.add_file(path, [DIGIT], (8, 8)).id, [0])["pixels"][0] for path in paths]
    np.testing.assert_array_equal(store.read_rows(input_set.id, slice(None))["pixels"], alone)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (make_stroke_image("RGB", (90, 90), 255, 0)[:60], "This file is no picture that can be read."),
        (make_stroke_image("RGB", (6000, 6000), 255, 255), "This picture is too large."),
    ],
    ids=["cut short", "huge"],
)
def test_a_picture_that_cannot_be_used_is_refused(content: bytes, sentence: str, store: Inputs, tmp_path: Path):
    with pytest.raises(InputError) as refusal:
        read_input_file(store, tmp_path, "x.png", content, [DIGIT], image_shape=(8, 8))
    assert refusal.value.sentence == sentence


def test_several_files_must_all_be_pictures(store: Inputs, tmp_path: Path):
    (tmp_path / "x.csv").write_bytes(b"1,2,3,4")
    (tmp_path / "x.png").write_bytes(make_stroke_image("RGB", (90, 90), 255, 0))
    with pytest.raises(InputError, match="Of several files all must be pictures"):
        store.add_file([tmp_path / "x.csv", tmp_path / "x.png"], [DIGIT], (8, 8))
    with pytest.raises(InputError, match="There is no file"):
        store.add_file([], [DIGIT])
