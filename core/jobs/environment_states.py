"""Environments, where they are built, and the machines: this one, or the workers of a team."""

import contextlib

from core.context import AppContext
from core.environments.base import Environment
from core.environments.build import find_built
from core.environments.machines import MACHINES, WORKER, WORKER_NAME, Machine, get_machine
from core.errors import RoundtripError
from core.jobs.elsewhere import EnvironmentState, list_environments


def list_all_environments(context: AppContext) -> list[EnvironmentState]:
    """Return every environment, and whether it is built here, in a team on a worker that runs now."""
    states = list_environments(context.config)
    if context.config.is_team:
        built = _find_built_on_workers(context)
        for state in states:
            state["bytes"] = built.get(state["environment"], 0)
    return states


def list_machines(context: AppContext) -> list[Machine]:
    """Return the machines on which copies can be asked: this one, its limited kinds, of a team each worker that takes
    jobs now."""
    return [*MACHINES, *(get_machine(WORKER + name) for name in list_worker_names(context))]


def list_worker_names(context: AppContext) -> list[str]:
    """Return the names of the workers that take jobs now; none outside of a team, and where its database is away."""
    if not context.config.is_team:
        return []
    from core.jobs.execution.workers import list_taking_workers

    with contextlib.suppress(RoundtripError):
        return [name for name in list_taking_workers(context) if WORKER_NAME.fullmatch(name)]
    return []


def is_built(context: AppContext, environment: Environment) -> bool:
    """Whether an environment is built where jobs are done; a third party's format may have one of its own."""
    if context.config.is_team:
        return environment.key in _find_built_on_workers(context)
    return find_built(context.config, environment) is not None


def _find_built_on_workers(context: AppContext) -> dict[str, int]:
    # An installation on one machine need not import this.
    from core.jobs.execution.workers import find_built_environments

    return find_built_environments(context)
