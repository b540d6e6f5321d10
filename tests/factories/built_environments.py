"""Environments that tests really build."""

import pytest

from core.environments.base import Environment
from core.environments.build import BuiltEnvironment, build_environment
from core.errors import NotBuilt
from core.settings import Settings

CANNOT_BUILD = ("did not answer", "release of Python")  # which say nothing of the environment


def build_or_skip(config: Settings, environment: Environment) -> BuiltEnvironment:
    """Build an environment; skips where no index can be reached, and where its release of Python is not here."""
    try:
        return build_environment(config, environment)
    except NotBuilt as error:
        if not any(words in error.sentence for words in CANNOT_BUILD):
            raise
        pytest.skip(f"it cannot be built on this machine: {error.sentence}")
