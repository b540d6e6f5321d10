"""Grades of changed values: by the spread of the outputs, and of pictures by sight; none where nothing is to grade."""

import numpy as np
import pytest

from core.arrays import Arrays
from core.compare import compare
from core.compare.chunks import single_chunk
from core.grading import (
    GRADE_HELP,
    MAX_SHARES,
    MIN_PSNRS,
    MIN_SSIMS,
    Grade,
    GradeLevel,
    GradingScale,
    grade_outputs,
)
from core.picture_similarity import MAX_PSNR, compare_pictures
from core.settings import PROJECT

RANDOM = np.random.default_rng(0)
PRICES = RANDOM.normal(100, 20, (500, 1)).astype("float32")
PICTURES = np.clip(RANDOM.normal(0.5, 0.3, (40, 8, 8, 1)), 0, 1).astype("float32")


def grade(reference: Arrays, predictions: Arrays, **scale) -> Grade | None:
    sources = [{name: single_chunk(array) for name, array in side.items()} for side in (reference, predictions)]
    comparison = compare(reference, predictions, scale.get("classes"))
    return grade_outputs(*sources, comparison, GradingScale(**scale))


@pytest.mark.parametrize(
    ("share", "level"),
    [
        (0.008, GradeLevel.SLIGHT),
        (0.05, GradeLevel.NOTICEABLE),
        (0.4, GradeLevel.STRONG),
        (1.0, GradeLevel.UNUSABLE),
    ],
)
def test_grade_of_values_is_error_over_spread(share: float, level: GradeLevel):
    errors = RANDOM.permutation(np.repeat([1.0, -1.0], len(PRICES) // 2))[:, None] * share * PRICES.std()
    errors[0] *= 1.5  # above the threshold of a changed value
    result = grade({"price": PRICES}, {"price": PRICES + errors})
    assert result.level is level
    assert result.share == pytest.approx(np.sqrt(np.mean(errors**2)) / PRICES.astype("float64").std(), rel=1e-5)
    assert (result.output, result.ssim, result.psnr_db) == ("price", None, None)


def test_grade_of_always_the_mean_is_unusable():
    result = grade({"price": PRICES}, {"price": np.full_like(PRICES, PRICES.mean())})
    assert result.label == "unusable (100\u00a0%)"


def test_grade_label_has_two_digits_of_a_small_share():
    result = Grade(level=GradeLevel.SLIGHT, output="price", share=0.00204)
    assert result.label == "slightly different (0.2\u00a0%)"


def test_grade_takes_spread_of_more_rows_where_it_is_known():
    single = {"price": PRICES[:1]}
    assert grade(single, {"price": PRICES[:1] + 2}, spreads={"price": 20.0}).share == pytest.approx(0.1, rel=1e-5)
    assert grade(single, {"price": PRICES[:1] + 2}).level is GradeLevel.UNUSABLE


def test_grade_of_pictures_sees_changes_behind_hundreds_of_equal_ones():
    from skimage.metrics import structural_similarity

    pictures = np.clip(RANDOM.normal(0.5, 0.3, (600, 8, 8, 1)), 0, 1).astype("float32")
    ruined = pictures.copy()
    ruined[300:] = 1 - ruined[300:]
    result = grade({"picture": pictures}, {"picture": ruined})
    options = {"win_size": 7, "data_range": float(pictures.max() - pictures.min())}
    pairs = zip(pictures[300::2, ..., 0].astype("f8"), ruined[300::2, ..., 0].astype("f8"), strict=True)
    expected = 0.5 + 0.5 * np.mean([structural_similarity(*pair, **options) for pair in pairs])
    assert result.level is GradeLevel.UNUSABLE
    assert result.ssim == pytest.approx(expected, rel=1e-6)


def test_compare_pictures_of_equal_ones_has_finite_numbers():
    source = single_chunk(PICTURES)
    assert compare_pictures(source, source, None) == (1.0, MAX_PSNR)


@pytest.mark.parametrize("is_flat", [False, True])
def test_grade_of_pictures_has_ssim_and_psnr(is_flat: bool):
    from skimage.metrics import structural_similarity

    noisy = (PICTURES + RANDOM.normal(0, 0.1, PICTURES.shape)).astype("float32")
    rows = [side.reshape(len(side), -1) if is_flat else side for side in (PICTURES, noisy)]
    result = grade({"clean": rows[0]}, {"clean": rows[1]}, **({"image_shape": (8, 8)} if is_flat else {}))
    reach = PICTURES.max() - PICTURES.min()
    expected = np.mean([
        structural_similarity(*(side[row, :, :, 0].astype("float64") for side in (PICTURES, noisy)), data_range=reach)
        for row in range(len(PICTURES))
    ])  # fmt: skip
    error = np.mean((PICTURES.astype("float64") - noisy) ** 2)
    assert result.ssim == pytest.approx(expected, rel=1e-6)
    assert result.psnr_db == pytest.approx(10 * np.log10(reach**2 / error), rel=1e-6)
    assert result.level is GradeLevel.STRONG
    assert "SSIM 0." in result.description


def test_grade_of_pictures_tells_invisible_from_random():
    invisible = grade({"clean": PICTURES}, {"clean": PICTURES + np.float32(0.004)})
    other = grade({"clean": PICTURES}, {"clean": RANDOM.random(PICTURES.shape).astype("float32")})
    assert (invisible.level, other.level) == (GradeLevel.SLIGHT, GradeLevel.UNUSABLE)


def test_grade_of_small_pictures_and_of_colours():
    for shape in ((4, 5, 3), (3, 3, 1), (2, 9, 1)):
        before = RANDOM.random((6, *shape)).astype("float32")
        result = grade({"y": before}, {"y": np.flip(before, axis=0)})
        assert (result.ssim is None) == (min(shape[:2]) < 3)


@pytest.mark.parametrize("change", ["nothing", "classes", "text", "ids", "not finite"])
def test_grade_is_none_where_no_value_can_be_graded(change: str):
    before = {
        "nothing": PRICES,
        "classes": np.eye(4, dtype="float32")[[0, 1, 2, 3]],
        "text": np.array([["a"], ["b"]], dtype=object),
        "ids": np.array([[70], [3]]),
        "not finite": PRICES,
    }[change]
    after = {
        "nothing": PRICES + np.float32(1e-4),
        "classes": before[::-1],
        "text": before[::-1],
        "ids": before[::-1],
        "not finite": np.where(np.arange(len(before))[:, None] == 1, np.nan, before if change == "not finite" else 0),
    }[change]
    assert grade({"y": before}, {"y": after}) is None


def test_grade_of_pictures_of_bytes_has_ssim():
    levels = (PICTURES * 255).astype("uint8")
    assert grade({"y": levels}, {"y": 255 - levels}).ssim < 0.5


def test_grade_of_two_outputs_is_that_of_the_worse_value():
    kinds = np.eye(2, dtype="float32")[np.arange(500) % 2]
    before = {"kind": kinds, "first": PRICES, "second": PRICES * 2}
    after = {"kind": kinds[::-1], "first": PRICES + 1, "second": -PRICES}
    assert grade(before, after).output == "second"


def test_grade_documentation_states_the_thresholds():
    page = (PROJECT / "docs" / "verdicts.md").read_text(encoding="utf-8")
    for level, share, ssim, psnr in zip(GradeLevel, MAX_SHARES, MIN_SSIMS, MIN_PSNRS, strict=False):
        assert f"| {level.words} | {100 * share:g} % | {ssim} | {psnr:g} dB |" in page


def test_grade_help_states_thresholds_and_sources():
    for words in (*(f"{share:.0%}" for share in MAX_SHARES), "Moriasi", "Zinner", "SSIM", "PSNR"):
        assert words in GRADE_HELP
