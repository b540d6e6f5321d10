"""Layer by layer: which tensor inside one copy is which inside another, and by how much the two differ. NumPy only."""

from core.layers.difference import Difference, difference
from core.layers.pairing import Seen, pair_by_structure, pair_by_value
from core.layers.sketch import sketch
from core.layers.tensors import Tensor

__all__ = ["Difference", "Seen", "Tensor", "difference", "pair_by_structure", "pair_by_value", "sketch"]
