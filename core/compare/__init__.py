"""Two sets of predictions from the same inputs, how far apart they are, and the verdict. NumPy only.

Every number is computed once, block by block in a stream of rows, so that 10^6 rows need no more memory than a few
blocks and one flag and one distance a row. "Same accuracy" is never said here where "same answers" is meant: changed
predictions are counted row by row.
"""

from core.arrays import to_jsonable
from core.compare.answer_spread import AnswerSpread, measure_spread
from core.compare.arithmetic import std_by_output
from core.compare.chunks import ChunkSource
from core.compare.classification import ClassificationMetrics
from core.compare.comparison import compare, compare_all, compare_streams
from core.compare.output_matching import OutputMatch, find_other_order, find_targets, match_outputs
from core.compare.results import Comparison, OutputMetrics
from core.compare.tolerance import ToleranceResult, check_tolerance
from core.compare.verdict import ATOL, CHANGED_STD_SHARE, DIFFERENT_ROW_SHARE, RTOL, Verdict

__all__ = [
    "ATOL",
    "CHANGED_STD_SHARE",
    "DIFFERENT_ROW_SHARE",
    "RTOL",
    "AnswerSpread",
    "ChunkSource",
    "ClassificationMetrics",
    "Comparison",
    "OutputMatch",
    "OutputMetrics",
    "ToleranceResult",
    "Verdict",
    "check_tolerance",
    "compare",
    "compare_all",
    "compare_streams",
    "find_other_order",
    "find_targets",
    "match_outputs",
    "measure_spread",
    "std_by_output",
    "to_jsonable",
]
