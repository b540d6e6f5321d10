"""Two sets of answers to the same inputs, how far apart they are, and the verdict. NumPy only.

Every number is computed once, block by block in a stream of rows, so that 10^6 rows need no more memory than a few
blocks and one flag and one distance a row. "Same accuracy" is never said here where "same answers" is meant: changed
answers are counted row by row.
"""

from core.compare.accumulators import spreads
from core.compare.chunks import Arrays, Source
from core.compare.classification import Accuracy, ClassNumbers
from core.compare.comparison import Comparison, Passed, compare, compare_all, compare_streams, passes
from core.compare.output_matching import Pair, pair_outputs, target_of
from core.compare.results import ATOL, MOSTLY, MOVED, RTOL, OutputNumbers, Verdict, jsonable

__all__ = [
    "ATOL",
    "MOSTLY",
    "MOVED",
    "RTOL",
    "Accuracy",
    "Arrays",
    "ClassNumbers",
    "Comparison",
    "OutputNumbers",
    "Pair",
    "Passed",
    "Source",
    "Verdict",
    "compare",
    "compare_all",
    "compare_streams",
    "jsonable",
    "pair_outputs",
    "passes",
    "spreads",
    "target_of",
]
