"""Which copy of a run to take: four answers of a person, held against what was measured on the run's own copies."""

from core.adviser.advice import Advice, advise
from core.adviser.needs import Needs, Place, make_needs

__all__ = ["Advice", "Needs", "Place", "advise", "make_needs"]
