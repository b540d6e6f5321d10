"""The gate: what a file from outside must be before anything opens it. Pure Python, bounded, no model runtime."""

from core.validation.rules import RULES, refused
from core.validation.upload import Gated, gate

__all__ = ["RULES", "Gated", "gate", "refused"]
