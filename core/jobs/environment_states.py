"""Environments and where they are built: on this machine, or on the workers of a team."""

from core.context import AppContext
from core.environments.base import Environment
from core.environments.build import find_built
from core.jobs.elsewhere import EnvironmentState, list_environments


def list_all_environments(context: AppContext) -> list[EnvironmentState]:
    """Return every environment, and whether it is built here, in a team on a worker that runs now."""
    states = list_environments(context.config)
    if context.config.is_team:
        built = _find_built_on_workers(context)
        for state in states:
            state["bytes"] = built.get(state["environment"], 0)
    return states


def is_built(context: AppContext, environment: Environment) -> bool:
    """Whether an environment is built where jobs are done; a third party's format may have one of its own."""
    if context.config.is_team:
        return environment.key in _find_built_on_workers(context)
    return find_built(context.config, environment) is not None


def _find_built_on_workers(context: AppContext) -> dict[str, int]:
    from core.jobs.workers import find_built_environments  # which an installation on one machine need not import

    return find_built_environments(context)
