"""Hypothesis without a deadline: other tests run beside these, and the first call of anything is slow."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
