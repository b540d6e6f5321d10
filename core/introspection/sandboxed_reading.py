"""Tasks that read the files of artifacts, in a sandboxed child where the system has one."""

from collections.abc import Callable
from typing import Any, TypeVar

from core.context import AppContext
from core.errors import NotConfined
from core.worker.protocol import Frame

Result = TypeVar("Result")


def run_sandboxed(context: AppContext, task: str, artifacts: dict[str, str], **request: Any) -> Frame:
    """Do one task over the files of artifacts, which are the folders of its arguments, in a sandboxed child.

    Where this system does not confine, a plain child reads files of our own. Raises NotConfined for imported ones.
    """
    request |= {name: context.library.verified_folder(id_) for name, id_ in artifacts.items()}
    request |= {"seconds": context.config.child_seconds}
    run = lambda sandboxed: context.worker.run(task, sandboxed=sandboxed, **request)  # noqa: E731
    return in_sandbox(context, list(artifacts.values()), run)


def in_sandbox(context: AppContext, artifact_ids: list[str], action: Callable[[bool], Result]) -> Result:
    """Call `action` with whether its child is to be sandboxed, and return its result; see `run_sandboxed`."""
    try:
        return action(True)
    except NotConfined:
        if any(context.library.artifact(id_).trust != "ours" for id_ in artifact_ids):
            raise
        return action(False)
