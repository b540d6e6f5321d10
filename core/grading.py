"""How different the changed values of a copy are, in a word: by the spread of the outputs, and for pictures by sight.

The share is the root mean square error over the standard deviation of the reference (RSR). From 0.7 on, Moriasi et al.,
"Model evaluation guidelines for systematic quantification of accuracy in watershed simulations" (2007), call
predictions unsatisfactory; a model that gives the mean every time has 1. At 0.1 one percent of the variance is
unexplained, and 0.01 is the share from which a comparison counts a value as changed.

Of pictures the mean structural similarity (SSIM; Wang et al., 2004) and the peak signal-to-noise ratio (PSNR) are put
on the five steps of opinion scores by the table of Zinner et al., "Impact of frame rate and resolution on objective QoE
metrics" (2010): excellent, good and fair, poor, bad. The worse of both counts; the share is told beside it.
"""

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel

from core.compare import CHANGED_STD_SHARE, ChunkSource, Comparison, Verdict
from core.compare.chunks import read_aligned
from core.disagreement import output_scales
from core.picture_similarity import ImageShape, compare_pictures

GRADED_VERDICTS = (Verdict.SOME_CHANGED, Verdict.DIFFERENT)
MAX_SHARE = 1e6  # JSON holds no infinity


class GradeLevel(StrEnum):
    """In order, the best first."""

    SLIGHT = "slightly-different"
    NOTICEABLE = "noticeably-different"
    STRONG = "strongly-different"
    UNUSABLE = "unusable"

    @property
    def words(self) -> str:
        return self.value.replace("-", " ")


# The last value of each level but the worst: the share up to it, SSIM and PSNR (dB) from it.
MAX_SHARES = (CHANGED_STD_SHARE, 0.1, 0.7)
MIN_SSIMS = (0.99, 0.88, 0.5)
MIN_PSNRS = (45.0, 27.4, 18.7)
GRADE_HELP = (
    "How far changed values are off. The percentage is their root mean square error as a part of how far the answers "
    f"of the baseline spread (RSR): up to {MAX_SHARES[0]:.0%} slightly, up to {MAX_SHARES[1]:.0%} noticeably, up to "
    f"{MAX_SHARES[2]:.0%} strongly different, above that unusable (Moriasi et al., 2007); always answering the mean "
    "would give 100%. Pictures are judged by sight instead, by structural similarity (SSIM, 1 is the same) and by "
    f"signal to noise (PSNR): slightly from SSIM {MIN_SSIMS[0]}, {MIN_PSNRS[0]:g} dB, noticeably from {MIN_SSIMS[1]}, "
    f"{MIN_PSNRS[1]:g} dB, strongly from {MIN_SSIMS[2]}, {MIN_PSNRS[2]:g} dB on, the steps of opinion scores in "
    "Zinner et al. (2010). The worse of both counts."
)


class GradingScale(NamedTuple):
    """What outputs are measured by.

    Attributes:
        classes: Whether an output of several columns is of classes; None: where its rows are probabilities.
        spreads: By output of the reference its standard deviation, where that is known from more rows than these.
        image_shape: Height and width of outputs with so many values in a row; others are pictures by their own shape.
    """

    classes: bool | None = None
    spreads: Mapping[str, float] = {}
    image_shape: ImageShape | None = None


class Grade(BaseModel):
    """The grade of the output that is furthest off.

    Attributes:
        share: Root mean square error over the standard deviation of the reference (RSR).
        ssim: Mean structural similarity of pictures, -1 to 1; None where the output is none.
        psnr_db: Peak signal-to-noise ratio of all pictures together, in dB; None likewise.
    """

    level: GradeLevel
    output: str
    share: float
    ssim: float | None = None
    psnr_db: float | None = None

    @property
    def label(self) -> str:
        """The level and the share: "slightly different (0.2 %)"."""
        return f"{self.level.words} ({_format_share(self.share)})"

    @property
    def description(self) -> str:
        """The numbers behind the level, in a sentence."""
        words = f"Off by {_format_share(self.share)} of the spread of the answers"
        if self.ssim is not None and self.psnr_db is not None:
            words += f"; as pictures SSIM {self.ssim:.3f}, PSNR {self.psnr_db:.1f}\u00a0dB"
        return f"{words}."


def _format_share(share: float) -> str:
    percent = 100 * share
    text = f"{percent:.0f}" if percent >= 10 else f"{percent:.2g}"
    return "over 1,000\u00a0%" if percent > 1000 else f"{text}\u00a0%"


def grade_outputs(
    reference: Mapping[str, ChunkSource],
    predictions: Mapping[str, ChunkSource],
    comparison: Comparison,
    scale: GradingScale,
) -> Grade | None:
    """Grade a comparison of these rows by its worst output of values.

    Returns None where no answer changed, where outputs are classes or texts only, and where values became NaN or
    infinite or stopped being so: that is said by itself.
    """
    if comparison.verdict not in GRADED_VERDICTS or comparison.mismatches:
        return None
    sides = {pair.reference: (reference[pair.reference], predictions[pair.answer]) for pair in comparison.pairs}
    grades = [_grade_output(name, *pair, scale) for name, pair in sides.items() if _is_value(pair[0], scale.classes)]
    return max(grades, key=lambda grade: (list(GradeLevel).index(grade.level), grade.share), default=None)


def _is_value(reference: ChunkSource, classes: bool | None) -> bool:
    head = next(iter(reference()))
    labels = head.shape[-1] if classes and head.ndim > 1 else 0
    return output_scales({"": head}, labels)[""].kind == "value"


def _grade_output(name: str, reference: ChunkSource, prediction: ChunkSource, scale: GradingScale) -> Grade:
    error, own_spread = _measure_error(reference, prediction)
    spread = scale.spreads.get(name) or own_spread
    share = min(error / spread, MAX_SHARE) if spread else MAX_SHARE if error else 0.0
    ssim, psnr = compare_pictures(reference, prediction, scale.image_shape)
    if ssim is None or psnr is None:
        level = sum(share > bound for bound in MAX_SHARES)
    else:
        level = max(_level_from(ssim, MIN_SSIMS), _level_from(psnr, MIN_PSNRS))
    return Grade(level=list(GradeLevel)[level], output=name, share=share, ssim=ssim, psnr_db=psnr)


def _level_from(value: float, minima: tuple[float, ...]) -> int:
    return sum(value < bound for bound in minima)


def _measure_error(reference: ChunkSource, prediction: ChunkSource) -> tuple[float, float]:
    """The root mean square error, and the standard deviation of the reference, both over all finite pairs of values."""
    sums, shift = np.zeros(4), None  # of squared errors, of what is above `shift`, of its squares; and how many
    for left, right in read_aligned(reference, prediction):
        values, others = (side.astype("complex128" if left.dtype.kind == "c" else "float64") for side in (left, right))
        finite = np.isfinite(values) & np.isfinite(others)
        values, others = values[finite], others[finite]
        shift = values.mean() if shift is None and values.size else shift
        errors, above = np.abs(values - others), np.abs(values - shift) if values.size else values.real
        signed = (values - shift).real.sum() if values.size else 0.0
        sums += [np.einsum("i,i->", errors, errors), signed, np.einsum("i,i->", above, above), values.size]
    squares, signed, above, count = sums.tolist()
    if not count:
        return 0.0, 0.0
    return math.sqrt(squares / count), math.sqrt(max(above / count - (signed / count) ** 2, 0.0))
