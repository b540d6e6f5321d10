"""Search for the input on which two models disagree most: first rows of the data, then small steps around them.

NumPy only: the caller says how both predict.
"""

from core.disagreement.confirmation import ask_again, is_tie, list_candidates
from core.disagreement.metric import OutputScale, RowDisagreement, measure_disagreement, output_scales
from core.disagreement.proposals import NEIGHBOURHOOD_SHARE, DataDomain, InputPoint, StepGenerator, distance_from_origin
from core.disagreement.search import DATA_BUDGET_SHARE, DataChunk, DisagreeingInput, DisagreementSearch, SearchBudget

__all__ = [
    "DATA_BUDGET_SHARE",
    "NEIGHBOURHOOD_SHARE",
    "DataChunk",
    "DataDomain",
    "DisagreeingInput",
    "DisagreementSearch",
    "InputPoint",
    "OutputScale",
    "RowDisagreement",
    "SearchBudget",
    "StepGenerator",
    "ask_again",
    "distance_from_origin",
    "is_tie",
    "list_candidates",
    "measure_disagreement",
    "output_scales",
]
