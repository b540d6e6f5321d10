"""From which difference on a value counts as another answer, by what its dtype can hold; comparisons share it."""

import numpy as np

from core.compare.verdict import ATOL, CHANGED_STD_SHARE, MAX_ULPS

PICTURE_STEP = 1.0  # one grey level, by which two correct computations may round apart
# The number below the largest one, whose distance to the next is still finite.
_MAX_FLOAT16 = np.nextafter(np.finfo("float16").max, np.float16(0))


def has_whole_numbers(rows: np.ndarray) -> bool:
    """Whether values (rows, ...) are integers or booleans."""
    return rows.dtype.kind in "biu"


def is_byte_picture(rows: np.ndarray) -> bool:
    """Whether (rows, height, width, ...) are levels of 8 bits, which are rounded from what was computed."""
    return rows.dtype.name in ("uint8", "int8") and rows.ndim > 2


def may_be_ids(rows: np.ndarray) -> bool:
    """Whether each value may be an id, of which the next whole number is another one, however far ids spread."""
    return has_whole_numbers(rows) and not is_byte_picture(rows)


def may_be_scores(rows: np.ndarray) -> bool:
    """Whether the largest value of a row may be its prediction: of several numbers in a row that are no whole ones."""
    return rows.ndim == 2 and rows.shape[1] > 1 and not has_whole_numbers(rows)


def choose_allowed_distance(rows: np.ndarray, std: float) -> float:
    """Return the distance up to which a value has not changed, of a reference with this standard deviation."""
    if may_be_ids(rows):
        return ATOL
    return max(CHANGED_STD_SHARE * std, PICTURE_STEP if is_byte_picture(rows) else ATOL)


def measure_last_places(rows: np.ndarray) -> np.ndarray | None:
    """Return how far rounding in a coarse dtype may move each value, of the same shape; None for other dtypes."""
    if rows.dtype != "float16":
        return None
    sizes = np.minimum(np.abs(np.nan_to_num(rows)), _MAX_FLOAT16)
    return np.asarray(MAX_ULPS * np.spacing(sizes).astype("float32"))
