"""The gate: what a file from outside must be before anything opens it. Pure Python, bounded, no model runtime."""

from core.validation.rules import RULES, refusal
from core.validation.upload import ValidatedUpload, validate_upload

__all__ = ["RULES", "ValidatedUpload", "refusal", "validate_upload"]
