"""Arrays as answers may be: with NaN, infinities, zeros of both signs, denormals, of every dtype."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

SHAPES = st.one_of(
    st.tuples(st.integers(1, 9)),
    st.tuples(st.integers(1, 9), st.integers(1, 7)),
    st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3)),
)
# Values that an even draw would hardly meet, in the dtype of the array.
SPECIAL = {
    "float16": [0.0, -0.0, np.nan, np.inf, -np.inf, 6e-8, -6e-8, 6e-5, 65504.0, -65504.0],
    "float32": [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-45, 1e-39, 3.4e38, -3.4e38],
    "float64": [0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, -5e-324, 1e-310, 1e100, -1e100],
}
WIDTH = {"float16": 16, "float32": 32, "float64": 64}
FLOATS = st.sampled_from(list(SPECIAL))
INTEGERS = st.sampled_from(["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])


def any_floats(dtype: str) -> st.SearchStrategy[float]:
    """Ordinary values and special ones, of one dtype; near one another often enough for small differences."""
    near = st.integers(-40, 40).map(lambda steps: np.array(1 + steps * np.finfo(dtype).eps).astype(dtype).item())
    wide = st.floats(-1000, 1000, width=WIDTH[dtype])
    special = st.sampled_from(SPECIAL[dtype]).map(lambda value: np.array(value).astype(dtype).item())
    return st.one_of(near, wide, special)


def arrays(dtype: str, shape: tuple[int, ...]) -> st.SearchStrategy[np.ndarray]:
    elements = any_floats(dtype) if dtype in SPECIAL else None
    return hnp.arrays(dtype, shape, elements=elements)


@st.composite
def float_array_pairs(draw, shapes=SHAPES):
    """Two arrays of floats of one shape, each of a dtype of its own."""
    shape = draw(shapes)
    return draw(arrays(draw(FLOATS), shape)), draw(arrays(draw(FLOATS), shape))


@st.composite
def numeric_array_pairs(draw, shapes=SHAPES):
    """Two arrays of one shape and any numeric dtypes."""
    shape = draw(shapes)
    dtypes = st.one_of(FLOATS, INTEGERS)
    return draw(arrays(draw(dtypes), shape)), draw(arrays(draw(dtypes), shape))


@st.composite
def probability_pairs(draw):
    """Two arrays of probabilities (rows, classes), float64, some of them 0 on both sides or only in the reference."""
    rows, classes = draw(st.integers(1, 6)), draw(st.integers(2, 8))
    weights = hnp.arrays("float64", (rows, classes), elements=st.floats(1e-6, 1))
    left, right = draw(weights), draw(weights)
    zeros = draw(hnp.arrays("bool", (rows, classes)))
    zeros[:, 0] = False
    right_zeros = zeros & draw(hnp.arrays("bool", (rows, classes)))
    left, right = np.where(zeros, 0, left), np.where(right_zeros, 0, right)
    return left / left.sum(axis=1, keepdims=True), right / right.sum(axis=1, keepdims=True)
