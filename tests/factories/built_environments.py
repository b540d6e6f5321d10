"""Environments that tests really build."""

from core.environments.base import Environment
from core.environments.build import BuiltEnvironment, build_environment
from core.settings import Settings
from tests.package_registries import skip_what_is_not_here


def build_or_skip(config: Settings, environment: Environment) -> BuiltEnvironment:
    """Build an environment; skips where no index can be reached, and where its release of Python is not here."""
    with skip_what_is_not_here():
        return build_environment(config, environment)
