"""Participants of a comparison that are loaded into one child after another: small copies of our own, without code."""

from collections.abc import Callable
from typing import Protocol, cast

from core.formats import get_format
from core.jobs.participants import NO_SOURCE, is_imported
from core.library import Library
from core.library.records import Run
from core.worker.child_handle import CancelCheck, Child
from core.worker.child_pool import ChildPool
from core.worker.remote_predictor import RemotePredictor
from core.worker.tasks.predict import LoadReply

MAX_SHARED_BYTES = 64 * 2**20  # of a model's weights: a larger one has a child to itself

Use = Callable[[RemotePredictor], object]


class Load(Protocol):
    """Loads a participant, in a child that is open or in a fresh one."""

    def __call__(self, *, child: Child | None = None) -> RemotePredictor: ...


def use_in_own_child(load: Load, use: Use) -> LoadReply:
    """Load a participant in a fresh child, use it, and say what is known of it."""
    with load() as predictor:
        use(predictor)
    return cast(LoadReply, predictor.facts)


def use_in_shared_child(children: ChildPool, run_id: str, load: Load, use: Use, cancelled: CancelCheck) -> LoadReply:
    """The same in a child in which nothing of that run was loaded before. Raises as `ChildPool.use_for`."""

    def load_and_use(child: Child) -> LoadReply:
        predictor = load(child=child)
        use(predictor)
        return cast(LoadReply, predictor.facts)

    return children.use_for(run_id, load_and_use, cancelled)


def may_share_child(library: Library, run: Run, id_: str, source: str) -> bool:
    """Whether a child that has loaded a participant may load a copy of another run: it is a copy, ours and small, and
    brings no code."""
    if id_ == run.id or source != NO_SOURCE.key or is_imported(library, run, source):
        return False
    return not get_format(library.artifact(id_).format).runs_code and run.weight_bytes <= MAX_SHARED_BYTES
