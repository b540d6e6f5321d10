"""The gate: what a file from outside must be before anything opens it. Pure Python, bounded, no model runtime."""

from core.gate.passing import Gated, gate
from core.gate.rules import RULES, refused

__all__ = ["RULES", "Gated", "gate", "refused"]
