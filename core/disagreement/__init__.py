"""Where do two models disagree most? Their answers measured row by row, and small steps around rows of the data.

NumPy only: whoever searches says how the two are asked.
"""

from core.disagreement.metric import Measured, Scale, measure, scales_of
from core.disagreement.proposals import NEAR, Point, Seen, Steps, distance
from core.disagreement.search import FOR_DATA, Budget, Find, Piece, Search

__all__ = [
    "FOR_DATA",
    "NEAR",
    "Budget",
    "Find",
    "Measured",
    "Piece",
    "Point",
    "Scale",
    "Search",
    "Seen",
    "Steps",
    "distance",
    "measure",
    "scales_of",
]
