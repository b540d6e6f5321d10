"""Validate an untrusted file before anything opens it: pure Python, bounded, without any model runtime."""

from core.validation.rules import RULES, refusal
from core.validation.upload import ValidatedUpload, validate_upload

__all__ = ["RULES", "ValidatedUpload", "refusal", "validate_upload"]
