"""Two sets of answers to the same inputs, how far apart they are, and the verdict. NumPy only.

Every number is computed once, block by block in a stream of rows, so that 10^6 rows need no more memory than a few
blocks and one flag and one distance a row. "Same accuracy" is never said here where "same answers" is meant: changed
answers are counted row by row.
"""

from core.compare.classes import Accuracy, ClassNumbers
from core.compare.judging import spreads
from core.compare.numbers import OutputNumbers, jsonable
from core.compare.pairing import Pair, pair_outputs, target_of
from core.compare.rows import Arrays, Source
from core.compare.streams import Comparison, compare, compare_all, compare_streams
from core.compare.tolerance import Passed, passes
from core.compare.verdicts import ATOL, MOSTLY, MOVED, RTOL, Verdict

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
